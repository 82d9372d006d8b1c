import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { stackSchema } from "../../engine/documents/stack-schema.ts";
import { between } from "../../engine/documents/configuration.ts";
import { madeFiles } from "../../engine/documents/files.ts";

const root = join(import.meta.dirname, "../..");
const schema = stackSchema(root);
/** zod's own reader of JSON schemas: a second opinion on what the schema lets pass. */
const reader = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
const stackFile = (stack: string) =>
  parse(readFileSync(join(root, `Pulumi.${stack}.yaml`), "utf8")) as {
    config: Record<string, Record<string, unknown>>;
  };

it("made documents are up to date", async () => {
  for (const { path, text } of await madeFiles(root))
    expect(readFileSync(join(root, path), "utf8") === text, `${path} is out of date; run npm run docs`).toBe(true);
});

it("a page without its marks is refused", () => {
  expect(() => between("# A page", "configuration", "")).toThrow(/has no marks/);
});

describe("the schema of stack files", () => {
  it.each(["dev", "prod"])("is named by stack %s, and takes it", (stack) => {
    const text = readFileSync(join(root, `Pulumi.${stack}.yaml`), "utf8");
    expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=./stack.schema.json");
    expect(reader.safeParse(stackFile(stack)).error).toBeUndefined();
  });

  it.each([
    ["a key that nobody knows", "services", { shop: { image: "app", role: "web", replicaz: 2 } }],
    ["a number out of its range", "services", { shop: { image: "app", role: "web", replicas: -1 } }],
    ["a word that is none of the choices", "images", { registry: "localhost:5000", digests: "sometimes" }],
    ["a section that nobody knows", "servises", {}],
  ])("refuses %s", (_, section, value) => {
    const file = stackFile("dev");
    expect(reader.safeParse({ ...file, config: { ...file.config, [`quorum:${section}`]: value } }).success).toBe(false);
  });

  it("says nothing twice of a key", () => {
    const texts = [...readFileSync(join(root, "stack.schema.json"), "utf8").matchAll(/"description": "(.*)"/g)];
    const twice = texts.filter(([, text = ""]) => /(^|\. )([^.]{20,}\.) \2/.test(text));
    expect(texts.length).toBeGreaterThan(100);
    expect(twice.map(([, text]) => text)).toEqual([]);
  });

  it("refuses a file without what every stack must say", () => {
    const sections = Object.entries(stackFile("dev").config);
    const config = Object.fromEntries(sections.filter(([key]) => key !== "quorum:controlPlane"));
    expect(reader.safeParse({ config }).success).toBe(false);
  });

  it("takes a secret where a text may stand", () => {
    const file = stackFile("dev");
    const env = { TOKEN: { secure: "v1:abc" } };
    const shop = { image: "app", role: "web", env };
    expect(
      reader.safeParse({ ...file, config: { ...file.config, "quorum:services": { shop } } }).error,
    ).toBeUndefined();
  });

  it("says what keys mean, by the comments of the schema's sources", () => {
    const images = schema.properties?.["config"]?.properties?.["quorum:images"]?.properties;
    expect(images?.["mirror"]?.description).toMatch(/^Registry that stands in for the host of every third-party/);
    expect(images?.["trusted"]?.description).toMatch(/Default: registry, mirror/);
  });
});
