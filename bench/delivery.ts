import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { tryRun } from "../local/run.ts";
import { toolPath } from "../local/tools.ts";
import { kubeconfig } from "./cluster.ts";
import { type Command, type Figures, measure, runCommand, type Sample, summarize } from "./measure.ts";
import { countByKind, type ManifestObject } from "./objects.ts";
import { benchDir, launcher } from "./paths.ts";
import {
  cdk8s,
  growthRows,
  helmHome,
  prepare,
  proveSame,
  renderModel,
  type RenderOptions,
  sizesUpTo,
} from "./render.ts";
import { type BenchCluster, type BenchService, clusterNamespaces, generateServices } from "./services.ts";
import { type Row, toRow } from "./table.ts";

const steps = ["diff", "first apply", "no-change apply"] as const;
type Step = (typeof steps)[number];

/** A contestant's commands, each on the state that the one before has left. */
interface Contestant {
  readonly commands: Readonly<Record<Step, Command>>;
  /** So that the next one finds nothing. */
  readonly remove: readonly Command[];
}

const ours = "quorum";
// As the render that the others take their objects from: its labels have the name.
const stack = "bench";
const release = "bench";
const folder = join(benchDir, "delivery");

/** The same objects brought to the local cluster by each: what changes (one service of them), the first apply, one without a change. */
export async function benchDelivery(options: RenderOptions): Promise<Row[]> {
  rmSync(folder, { recursive: true, force: true });
  const { contexts } = parse(readFileSync(kubeconfig, "utf8")) as { contexts: { name: string }[] };
  const cluster: BenchCluster = { kubeconfig, context: contexts[0]?.name ?? "" };
  const model = await renderModel(cluster);
  const results = new Map<Step, Map<number, Map<string, Figures>>>(steps.map((step) => [step, new Map()]));
  const rows: Row[] = [];
  for (const size of sizesUpTo(options.most)) {
    const { contestants, objects } = await prepareSize(size, cluster, model, options);
    const rounds = options.rounds ?? (size === 1000 ? 1 : 3);
    for (const [name, contestant] of contestants) {
      options.log(`${size} services: ${rounds} rounds of ${name}`);
      const figures = await benchContestant(name, contestant, rounds);
      for (const step of steps) {
        const ofStep = results.get(step);
        ofStep?.set(size, (ofStep.get(size) ?? new Map<string, Figures>()).set(name, figures[step]));
      }
    }
    const note = `${countByKind(objects)}, of which no pod is scheduled; diff: of one service's change; quorum waits until all is ready, the others do not`;
    for (const step of steps)
      rows.push(...stepRows(size, step, results.get(step)?.get(size), step === "diff" ? note : undefined));
  }
  for (const step of steps)
    rows.push(...growthRows(results.get(step) ?? new Map(), ours, `${step}, each further service`));
  return rows;
}

function stepRows(
  size: number,
  step: Step,
  figures: ReadonlyMap<string, Figures> | undefined,
  note: string | undefined,
): Row[] {
  const own = figures?.get(ours)?.seconds ?? NaN;
  return [...(figures ?? [])].map(([name, taken]) => ({
    ...toRow(`${size.toLocaleString("en")} services, ${step}: ${name}`, taken),
    ratio: taken.seconds / own,
    note: name === ours ? note : undefined,
  }));
}

/** Everything is removed at the end, however it goes. @throws when the difference does not name what changes */
async function benchContestant(
  name: string,
  { commands, remove }: Contestant,
  rounds: number,
): Promise<Record<Step, Figures>> {
  const taken: Record<Step, Sample[]> = { diff: [], "first apply": [], "no-change apply": [] };
  for (let round = 0; round < rounds; round++) {
    try {
      taken["first apply"].push(await measure(commands["first apply"]));
      taken["no-change apply"].push(await measure(commands["no-change apply"]));
      taken.diff.push(await measure(commands.diff));
      const { stdout } = await runCommand(commands.diff);
      if (!stdout.includes(changedService(1)[0]?.name ?? "")) throw new Error(`${name} shows no difference`);
    } finally {
      for (const command of remove) await tryRun(command.file, command.args, command.env ? { env: command.env } : {});
    }
  }
  const entries = steps.map((step) => [step, summarize(taken[step])]);
  return Object.fromEntries(entries) as Record<Step, Figures>;
}

/** The services of a size, the first with another greeting. */
function changedService(size: number): BenchService[] {
  return generateServices(size).map((service, index) =>
    index === 0 ? { ...service, greeting: "another greeting" } : service,
  );
}

/** Writes what each contestant starts from, before and after the change, and proves that all of them make the same of it. */
export async function prepareSize(
  size: number,
  cluster: BenchCluster,
  model: readonly ManifestObject[],
  options: Pick<RenderOptions, "cdk8s" | "helm" | "log">,
): Promise<{ contestants: ReadonlyMap<string, Contestant>; objects: readonly ManifestObject[] }> {
  const kubectl = await toolPath("kubectl");
  const place = (when: "before" | "after") => join(folder, String(size), when);
  options.log(`${size} services: checking that all make the same objects`);
  const before = await prepare(place("before"), generateServices(size), model, options, cluster);
  const objects = await proveSame(before.proofs);
  const after = await prepare(place("after"), changedService(size), model, options, cluster);
  const changed = await proveSame(after.proofs);

  const kube = (...args: string[]): Command => ({ file: kubectl, args: ["--kubeconfig", kubeconfig, ...args] });
  const apply = (from: string) => kube("apply", "--server-side", "--filename", from);
  const diff = (from: string): Command => ({ ...kube("diff", "--server-side", "--filename", from), codes: [0, 1] });
  const sweep = kube("delete", "namespace", ...clusterNamespaces, "--ignore-not-found");
  const contestants = new Map<string, Contestant>();

  const own = (command: string, when: "before" | "after"): Command => ({
    file: process.execPath,
    args: [
      ...[launcher, command, "--stack", stack, "--config-file", join(place(when), "stack.yaml")],
      ...["--engine", "direct", ...(command === "preview" ? [] : ["--timeout", "3600"])],
    ],
    worker: "cli.ts",
  });
  contestants.set(ours, {
    commands: {
      "first apply": own("up", "before"),
      "no-change apply": own("up", "before"),
      diff: own("preview", "after"),
    },
    remove: [own("down", "before"), sweep],
  });

  const manifests = (when: "before" | "after", all: readonly ManifestObject[]) => {
    const file = join(place(when), "objects.yaml");
    writeFileSync(file, all.map((object) => stringify(object)).join("---\n"));
    return file;
  };
  const file = manifests("before", objects);
  contestants.set("kubectl, of rendered manifests", {
    commands: {
      "first apply": apply(file),
      "no-change apply": apply(file),
      diff: diff(manifests("after", changed)),
    },
    remove: [sweep],
  });

  const synth = [before, after].map(({ commands }) => commands.get(cdk8s));
  if (synth[0] !== undefined && synth[1] !== undefined) {
    const [first, second] = [synth[0], synth[1]];
    contestants.set("cdk8s synth and kubectl", {
      commands: {
        "first apply": inTurn(first, apply(join(place("before"), "cdk8s"))),
        "no-change apply": inTurn(first, apply(join(place("before"), "cdk8s"))),
        diff: inTurn(second, diff(join(place("after"), "cdk8s"))),
      },
      remove: [sweep],
    });
  }
  if ("path" in options.helm) {
    const { path } = options.helm;
    const helm = (...args: string[]): Command => ({
      file: path,
      args: [...args, "--namespace", "default", "--kubeconfig", kubeconfig],
      env: helmHome(),
    });
    contestants.set("helm", {
      commands: {
        "first apply": helm("install", release, join(place("before"), "chart")),
        "no-change apply": helm("upgrade", release, join(place("before"), "chart")),
        diff: helm("upgrade", release, join(place("after"), "chart"), "--dry-run=server"),
      },
      remove: [helm("uninstall", release), sweep],
    });
  }
  return { contestants, objects };
}

/** Two commands as one, the second after the first has ended well. */
function inTurn(first: Command, second: Command): Command {
  const quoted = ({ file, args }: Command) =>
    [file, ...args].map((text) => `'${text.replaceAll("'", `'\\''`)}'`).join(" ");
  return {
    file: "/bin/sh",
    args: ["-c", `${quoted(first)} && ${quoted(second)}`],
    ...(second.codes === undefined ? {} : { codes: second.codes }),
  };
}
