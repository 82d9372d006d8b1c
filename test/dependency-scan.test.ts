import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditIn, checkSteps, lockedFolders } from "../engine/check-steps.ts";
import { runProcess } from "../engine/process.ts";
import { tryRun } from "../local/run.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "quorum-audit-"));
/** What the registry knows; undefined where it serves no advisories, as some mirrors do. */
let severity: string | undefined;
let registry: Server;
const asked: string[] = [];
const bulk = "/-/npm/v1/security/advisories/bulk";

/** The advisories on what is asked for; then, where there are some, which versions there are. */
const answers = (given: string): Readonly<Record<string, object>> => ({
  [bulk]: {
    "left-behind": [
      { id: 1, url: "https://example.org/1", title: "A hole", severity: given, vulnerable_versions: "<2.0.0" },
    ],
  },
  "/left-behind": { name: "left-behind", versions: { "1.0.0": { name: "left-behind", version: "1.0.0" } } },
});

beforeAll(async () => {
  const dependencies = { "left-behind": "1.0.0" };
  const project = { name: "audited", version: "1.0.0", dependencies };
  writeFileSync(join(folder, "package.json"), JSON.stringify(project));
  const resolved = "https://registry.npmjs.org/left-behind/-/left-behind-1.0.0.tgz";
  const packages = { "": project, "node_modules/left-behind": { version: "1.0.0", resolved } };
  writeFileSync(
    join(folder, "package-lock.json"),
    JSON.stringify({ name: "audited", version: "1.0.0", lockfileVersion: 3, requires: true, packages }),
  );
  registry = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      asked.push(
        `${request.url} ${(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString()}`,
      );
      const answer = severity === undefined ? undefined : answers(severity)[request.url ?? ""];
      response.writeHead(answer === undefined ? 405 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(answer ?? { error: "not allowed" }));
    })();
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await new Promise((resolve) => registry.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

async function audit() {
  const { program, args, cwd } = auditIn(folder);
  const env = {
    npm_config_registry: `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`,
    npm_config_cache: mkdtempSync(join(folder, "cache-")),
  };
  return runProcess(program, args, { cwd: cwd ?? root, env });
}

test.each([
  ["high", 1],
  ["critical", 1],
  ["moderate", 0],
])(
  "an advisory of severity %s ends the step with %d",
  async (given, code) => {
    severity = given;
    const result = await audit();
    expect(result.stdout).toContain("A hole");
    expect(result.code).toBe(code);
    expect(asked).toContain(`${bulk} {"left-behind":["1.0.0"]}`);
  },
  60_000,
);

test("a registry that has no advisories to give fails the step, so that silence is not taken for safety", async () => {
  severity = undefined;
  const result = await audit();
  expect(result.code).toBe(1);
  expect(result.stderr).toContain("audit endpoint returned an error");
});

test("every lock file is asked about", async () => {
  const files = (await tryRun("git", ["ls-files", "*package-lock.json"], { cwd: root })).stdout.trim().split("\n");
  expect(files.sort()).toEqual(lockedFolders.map((name) => join(name, "package-lock.json")).sort());
  const step = checkSteps.find(({ name }) => name === "dependencies");
  expect(step?.runs().map(({ cwd }) => cwd)).toEqual(lockedFolders.map((name) => join(root, name)));
});
