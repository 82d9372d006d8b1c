import * as fc from "fast-check";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { toManifest } from "../../engine/direct/manifest.ts";
import { render } from "../../engine/direct/render.ts";
import { failureOf, temporaryFolder } from "./programs.ts";

describe("a manifest", () => {
  test("is YAML as people write it", () => {
    const text = toManifest({
      data: { "a.yml": "one: 1\n\ntwo:\n  - 2\n", "no-end": "a\nb", empty: "" },
      kind: "ConfigMap",
      metadata: { name: "x", labels: { on: "yes", port: "80" }, finalizers: [], annotations: {} },
      spec: {
        containers: [{ name: "a", args: ["--x", "y: z", ["deep"]] }, "plain"],
        count: 1,
        flag: true,
        nothing: null,
      },
      apiVersion: "v1",
    });
    expect(text).toBe(`apiVersion: v1
kind: ConfigMap
metadata:
  name: x
  labels:
    "on": "yes"
    port: "80"
  finalizers: []
  annotations: {}
data:
  a.yml: |
    one: 1

    two:
      - 2
  no-end: |-
    a
    b
  empty: ""
spec:
  containers:
    - name: a
      args:
        - "--x"
        - "y: z"
        -
          - deep
    - plain
  count: 1
  flag: true
  nothing: null
`);
  });

  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc
      .array(fc.constantFrom("", " ", "a", "  b", "- c", "# d", "e: f", "\t", "g ", "---", "é"), { maxLength: 5 })
      .map((lines) => lines.join("\n")),
    fc.constantFrom(
      "yes",
      "null",
      "1e3",
      "0x1",
      "2024-01-01",
      "~",
      "=",
      "<<",
      "a:",
      "|",
      "\n",
      "a\n\n",
      "\r\n",
      "\u2028",
    ),
  );
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      texts,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(
        texts.filter((key) => key !== "__proto__"),
        tie("value"),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  })).value;

  test.each(["1.1", "1.2"] as const)("says the same to a reader of YAML %s, whatever it holds", (version) => {
    fc.assert(
      fc.property(values, (value) => {
        const object = { apiVersion: "v1", kind: "Thing", value };
        expect(parse(toManifest(object), { version })).toEqual(object);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a render", () => {
  const program = join(import.meta.dirname, "fixtures/objects.ts");
  const config = {
    project: "quorum",
    stack: "dev",
    values: { "quorum:password": "unset:password" },
    secretKeys: ["quorum:password"],
  };
  const run = (out: string) => render({ config, program, log: () => undefined }, out);

  test("is one file for each object in apply order, with placeholders for what only up can know", async () => {
    const out = join(temporaryFolder(), "new");
    await run(out);
    expect(readdirSync(out).sort()).toEqual([
      ".quorum-render",
      "001-configmap-apps-settings.yaml",
      "002-secret-apps-token.yaml",
      "003-deployment-apps-web.yaml",
    ]);
    const read = (name: string) => readFileSync(join(out, name), "utf8");
    expect(read("003-deployment-apps-web.yaml")).toContain(
      `image: "localhost:5000/quorum/app@sha256:${"0".repeat(64)}"`,
    );
    expect((parse(read("002-secret-apps-token.yaml")) as { data: unknown }).data).toEqual({
      password: Buffer.from("unset:password").toString("base64"),
    });
  });

  test("replaces an earlier one, whose files it knows", async () => {
    const out = temporaryFolder();
    await run(out);
    const first = Object.fromEntries(readdirSync(out).map((name) => [name, readFileSync(join(out, name), "utf8")]));
    const marker = JSON.parse(first[".quorum-render"] ?? "") as { files: string[] };
    writeFileSync(join(out, "004-job-apps-old.yaml"), "old");
    writeFileSync(
      join(out, ".quorum-render"),
      JSON.stringify({ ...marker, files: [...marker.files, "004-job-apps-old.yaml"] }),
    );
    await run(out);
    expect(existsSync(join(out, "004-job-apps-old.yaml"))).toBe(false);
    expect(Object.fromEntries(readdirSync(out).map((name) => [name, readFileSync(join(out, name), "utf8")]))).toEqual(
      first,
    );
  });

  test("touches no folder that holds anything else", async () => {
    const out = temporaryFolder();
    writeFileSync(join(out, "mine.txt"), "");
    expect(await failureOf(() => run(out))).toMatch(/holds mine\.txt and may be somebody's work; give an empty folder/);
    expect(readdirSync(out)).toEqual(["mine.txt"]);
  });
});
