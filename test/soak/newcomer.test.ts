import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, parseDocument } from "yaml";
import { runProcess } from "../../engine/process.ts";
import { binaryPath } from "../../local/toolchain.ts";
import { eventually, quorum, root } from "../cluster/quorum.ts";

/**
 * What somebody does who sees the project for the first time, in a clone of their own. It needs the one local cluster of this
 * machine, so that this checkout's is stopped for it, and started again afterwards.
 */
let folder: string;
let clone: string;

/** A command as the README shows it. @throws with what it said when it fails */
async function npm(...words: string[]): Promise<string> {
  const ended = await runProcess("npm", words, { cwd: clone });
  if (ended.code !== 0)
    throw new Error(`npm ${words.join(" ")} ended with ${ended.code}\n${ended.stdout}\n${ended.stderr}`);
  return ended.stdout;
}

const kubectl = async (...words: string[]) => {
  const kubeconfig = join(clone, ".quorum", "dev.kubeconfig");
  return (await runProcess(binaryPath("kubernetes", "kubectl"), ["--kubeconfig", kubeconfig, ...words])).stdout;
};

/** Changes values of the clone's stack file, as in an editor: all else stays as it is written. */
function edit(changes: readonly (readonly [readonly string[], unknown])[]): void {
  const file = join(clone, "Pulumi.dev.yaml");
  const document = parseDocument(readFileSync(file, "utf8"));
  for (const [path, value] of changes) document.setIn(["config", ...path], value);
  writeFileSync(file, document.toString());
}

/** What docs/mesh.md gives to stack dev for a mesh. */
function meshOfTheDocuments(): unknown {
  const written = /^The one host of stack dev[^]*?```yaml\n([^]*?)```/m.exec(
    readFileSync(join(clone, "docs", "mesh.md"), "utf8"),
  );
  return (parse(written?.[1] ?? "") as { config: Record<string, unknown> }).config["quorum:mesh"];
}

const readyPods = async (app: string) =>
  (
    await kubectl(
      "get",
      "pods",
      "-n",
      "apps",
      "-l",
      `app=${app}`,
      "-o",
      "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}",
    )
  )
    .split(" ")
    .filter((status) => status === "True").length;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "newcomer-"));
  clone = join(folder, "quorum");
  await quorum(["local", "reset"]);
  const cloned = await runProcess("git", ["clone", "--quiet", "--no-hardlinks", root, clone]);
  if (cloned.code !== 0) throw new Error(cloned.stderr);
});
afterAll(async () => {
  await runProcess("npm", ["run", "local", "--", "reset"], { cwd: clone });
  rmSync(folder, { recursive: true, force: true });
  await quorum(["start"]);
});

it("npm start brings everything up, and each URL answers", async () => {
  const said = await npm("start");
  const urls = [...said.matchAll(/^urls\.(\w+)\s+(\S+)$/gm)].map(([, name = "", url = ""]) => [name, url] as const);
  expect(urls.map(([name]) => name)).toEqual(expect.arrayContaining(["app", "prometheus", "alertmanager", "zipkin"]));
  const paths: Readonly<Record<string, string>> = {
    prometheus: "/-/ready",
    alertmanager: "/api/v2/alerts",
    zipkin: "/zipkin/",
  };
  for (const [name, url] of urls)
    await eventually(`${name} at ${url}`, 60, async () =>
      (await fetch(`${url}${paths[name] ?? "/"}`).catch(() => undefined))?.ok ? true : undefined,
    );
  expect(await kubectl("get", "pods", "-A")).toMatch(/metricsdemo/);
});

it("a change of replicas is shown, made, and seen", async () => {
  expect(await readyPods("metricsdemo")).toBe(2);
  edit([[["quorum:services", "metricsdemo", "replicas"], 3]]);
  const shown = await npm("run", "preview");
  expect(shown).toMatch(/metricsdemo/);
  expect(shown).toMatch(/replicas/);
  expect(await readyPods("metricsdemo")).toBe(2);
  await npm("run", "up", "--", "--stack", "dev");
  expect(await readyPods("metricsdemo")).toBe(3);
});

it("weights of versions are shown, made, and seen in who answers", async () => {
  const small = { image: "app", replicas: 1, resources: { cpuMillis: 10 } };
  const svcb = (first: number, second: number) => ({
    ...small,
    role: "svcb",
    port: 80,
    calls: ["msgd"],
    versions: { "v0.1": { weight: first, replicas: 1 }, "v0.2": { weight: second, replicas: 1 } },
  });
  edit([
    [["quorum:mesh"], meshOfTheDocuments()],
    [["quorum:services", "svca"], { ...small, role: "svca", port: 80, calls: ["svcb"] }],
    [["quorum:services", "msgd"], { ...small, role: "msgd", port: 9997 }],
    [["quorum:services", "svcb"], svcb(100, 0)],
  ]);
  await npm("run", "up", "--", "--stack", "dev");
  expect(await answers()).toEqual(new Set(["v0.1"]));
  edit([[["quorum:services", "svcb"], svcb(0, 100)]]);
  expect(await npm("run", "preview")).toMatch(/svcb/);
  expect(await answers()).toEqual(new Set(["v0.1"]));
  await npm("run", "up", "--", "--stack", "dev");
  await eventually("all requests at v0.2", 60, async () => {
    const seen = await answers();
    return seen.size === 1 && seen.has("v0.2") ? true : undefined;
  });
});

/** Versions of svcb that served ten requests, as svca tells. */
async function answers(): Promise<Set<string>> {
  const script =
    "for(let i=0;i<10;i++){console.log((await (await fetch('http://localhost/pay')).json()).next.version)}";
  const node = ["node", "--input-type=module", "-e", script];
  const said = await kubectl("exec", "-n", "apps", "deploy/svca", "-c", "svca", "--", ...node);
  return new Set(said.trim().split("\n"));
}

it("npm run down takes it away, and leaves nothing of it", async () => {
  await npm("run", "down");
  expect(
    await kubectl("get", "deployments,statefulsets,daemonsets", "-A", "-l", "quorum.dev/stack=dev", "-o", "name"),
  ).toBe("");
});
