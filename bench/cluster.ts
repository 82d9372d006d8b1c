import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { workspace } from "../engine/load-stack.ts";
import { readUnavailable } from "../engine/unavailable.ts";
import { status } from "../local/cluster.ts";
import { stateDir } from "../local/paths.ts";
import { toolPath } from "../local/tools.ts";
import { type Command, measureInTurn, runCommand } from "./measure.ts";
import { countByKind, type ManifestObject, readManifests } from "./objects.ts";
import { benchDir, launcher, root } from "./paths.ts";
import { type Row, toRow } from "./table.ts";

const stack = "dev";
/** Most that an `up` which changes nothing may take on 2 cores. */
const aimedSeconds = 5;
export const kubeconfig = join(stateDir, `${stack}.kubeconfig`);
const manifestsFile = join(benchDir, "cluster-objects.yaml");

export interface ClusterOptions {
  readonly rounds: number | undefined;
  readonly log: (line: string) => void;
}

/** Why the local cluster cannot be measured now; undefined when it can. */
export function clusterProblem(): string | undefined {
  const host = status().find(({ name, state }) => name.startsWith("host-") && state === "running");
  return host !== undefined && existsSync(kubeconfig)
    ? undefined
    : "the local cluster does not run; npm start brings it up";
}

export function refuseWithoutCluster(): void {
  const problem = clusterProblem();
  if (problem !== undefined) throw new Error(problem);
}

/** An `up` that changes nothing, beside what kubectl takes for a server-side apply of the same objects. */
export async function benchCluster({ rounds = 5, log }: ClusterOptions): Promise<Row[]> {
  refuseWithoutCluster();
  const up = quorum("up", "--stack", stack);
  log(`up of ${stack}, until there is nothing to change`);
  await runCommand(up);
  const objects = await renderAsStarted();
  const kubectl = await toolPath("kubectl");
  const before = await readVersions(kubectl);
  const names = { up: `up of ${stack}, no change`, kubectl: "kubectl apply --server-side" };
  log(`${rounds} rounds of ${names.up}, and of ${names.kubectl}`);
  const commands = new Map([
    [names.up, up],
    [names.kubectl, applyCommand(kubectl)],
  ]);
  const figures = await measureInTurn(commands, rounds);
  const after = await readVersions(kubectl);
  const changed = [...after].filter(([key, version]) => before.get(key) !== version).map(([key]) => key);
  const own = figures.get(names.up)?.seconds ?? NaN;
  const about: Record<string, Pick<Row, "remark" | "note">> = {
    [names.up]: {
      remark: `aim ≤ ${aimedSeconds} s: ${own <= aimedSeconds ? "met" : "missed"}`,
      note: changed.length === 0 ? "no object changed" : `these objects changed meanwhile: ${changed.join(", ")}`,
    },
    [names.kubectl]: { note: `as a dry run on the server, of ${countByKind(objects)}` },
  };
  return [...figures].map(([name, taken]) => ({ ...toRow(name, taken), ratio: taken.seconds / own, ...about[name] }));
}

function quorum(...args: string[]): Command {
  return { file: process.execPath, args: [launcher, ...args], worker: "cli.ts" };
}

/** Renders the stack and puts all of it into one file, as kubectl takes it. */
async function renderAsStarted(): Promise<ManifestObject[]> {
  const folder = join(benchDir, "cluster");
  rmSync(folder, { recursive: true, force: true });
  await runCommand(quorum("render", "--stack", stack, "--config-file", asStarted(), "--out", folder));
  const objects = readManifests(folder);
  writeFileSync(manifestsFile, objects.map((object) => stringify(object)).join("---\n"));
  return objects;
}

/** The stack's file as `up` reads it on local hosts: without what needs an image that this machine could not get. */
function asStarted(): string {
  const document = parse(readFileSync(join(root, `Pulumi.${stack}.yaml`), "utf8")) as {
    config: { "quorum:images": { unavailable?: string[] } };
  };
  const images = document.config["quorum:images"];
  images.unavailable = [...(images.unavailable ?? []), ...readUnavailable(workspace, stack)];
  const file = join(benchDir, "cluster.yaml");
  writeFileSync(file, stringify(document));
  return file;
}

/** A dry run: the rendered objects have placeholders in them, which must not reach the cluster. */
function applyCommand(kubectl: string): Command {
  const how = ["--server-side", "--force-conflicts", "--field-manager=quorum", "--dry-run=server"];
  return { file: kubectl, args: ["--kubeconfig", kubeconfig, "apply", ...how, "--filename", manifestsFile] };
}

interface LiveObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion: string;
    /** Only kinds that have it can tell a change of the wish from a change of the state. */
    readonly generation?: number;
  };
}

async function readVersions(kubectl: string): Promise<Map<string, string>> {
  const args = ["--kubeconfig", kubeconfig, "get", "--filename", manifestsFile, "--output", "json"];
  const { stdout } = await runCommand({ file: kubectl, args });
  const { items } = JSON.parse(stdout) as { items: LiveObject[] };
  return new Map(
    items.map(({ kind, metadata: { name, namespace, generation, resourceVersion } }) => [
      `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`,
      String(generation ?? resourceVersion),
    ]),
  );
}
