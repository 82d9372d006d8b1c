import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Command, type Figures, measureInTurn, runCommand } from "./measure.ts";
import { countByKind, type ManifestObject, parseManifests, readManifests, refuseOtherObjects } from "./objects.ts";
import { benchDir, launcher } from "./paths.ts";
import { type BenchCluster, type BenchService, benchStack, generateServices, modelService } from "./services.ts";
import { type Row, time, toRow } from "./table.ts";
import { ofModelService, ofNoService, writeChart, writeObjectsModule } from "./templates.ts";
import type { Found } from "./tools.ts";

export interface RenderOptions {
  readonly helm: Found;
  readonly cdk8s: Found;
  /** Rounds for every size. @default 5, but 3 for the largest */
  readonly rounds: number | undefined;
  /** Numbers of services that are left out are those above it. @default 1,000 */
  readonly most: number | undefined;
  readonly log: (line: string) => void;
}

const sizes = [10, 100, 1000] as const;
export const sizesUpTo = (most: number = sizes[2]) => sizes.filter((size) => size <= most);
/** Most that a render of the largest size may take, as a multiple of the floor. */
const aimedMultipleOfFloor = 1.5;

export const ours = "quorum render";
const floor = "bare loop over the SDK (floor)";
export const cdk8s = "cdk8s synth";
export const helm = "helm template";
type Contestant = typeof ours | typeof floor | typeof cdk8s | typeof helm;
type Results = ReadonlyMap<Contestant, Figures>;

/** The renders of dev and of generated services, beside the peers that make the same objects. */
export async function benchRender(options: RenderOptions): Promise<Row[]> {
  rmSync(benchFolder(), { recursive: true, force: true });
  mkdirSync(benchFolder(), { recursive: true });
  const rows = await benchDev(options);
  const model = await renderModel();
  const results = new Map<number, Results>();
  for (const size of sizesUpTo(options.most)) {
    const { objects, figures } = await benchSize(size, model, options);
    results.set(size, figures);
    rows.push(...sizeRows(size, objects, figures));
  }
  rows.push(...growthRows(results, ours, "each further service"));
  for (const [name, peer] of [[helm, options.helm] as const, [cdk8s, options.cdk8s] as const]) {
    if ("missing" in peer) rows.push({ measurement: name, remark: "left out", note: peer.missing });
  }
  return rows;
}

const benchFolder = () => join(benchDir, "render");

function renderCommand(stack: string, out: string, configFile?: string): Command {
  const config = configFile === undefined ? [] : ["--config-file", configFile];
  const args = [launcher, "render", "--stack", stack, ...config, "--out", out];
  return { file: process.execPath, args, worker: "cli.ts" };
}

async function benchDev({ rounds = 5, log }: RenderOptions): Promise<Row[]> {
  const out = join(benchFolder(), "dev");
  const command = renderCommand("dev", out);
  log("render of dev");
  await runCommand(command);
  const figures = (await measureInTurn(new Map([[ours, command]]), rounds)).get(ours);
  return figures === undefined
    ? []
    : [{ ...toRow("dev: quorum render", figures), note: countByKind(readManifests(out)) }];
}

/** The objects of the model service. */
export async function renderModel(cluster?: BenchCluster): Promise<ManifestObject[]> {
  mkdirSync(benchFolder(), { recursive: true });
  const configFile = join(benchFolder(), "model.yaml");
  writeFileSync(configFile, benchStack([modelService], cluster));
  const out = join(benchFolder(), "model");
  await runCommand(renderCommand("bench", out, configFile));
  return ofModelService(readManifests(out));
}

async function benchSize(
  size: number,
  model: readonly ManifestObject[],
  options: RenderOptions,
): Promise<{ objects: ManifestObject[]; figures: Results }> {
  const folder = join(benchFolder(), String(size));
  const { commands, proofs } = await prepare(folder, generateServices(size), model, options);
  options.log(`${size} services: checking that all make the same objects`);
  const objects = await proveSame(proofs);
  const rounds = options.rounds ?? (size === sizes.at(-1) ? 3 : 5);
  options.log(`${size} services: ${rounds} rounds of ${[...commands.keys()].join(", ")}`);
  return { objects, figures: await measureInTurn(commands, rounds) };
}

type Proofs = ReadonlyMap<Contestant, () => Promise<ManifestObject[]>>;

/** @returns our objects @throws where another contestant makes others */
export async function proveSame(proofs: Proofs): Promise<ManifestObject[]> {
  const made = new Map<Contestant, ManifestObject[]>();
  for (const [name, prove] of proofs) made.set(name, await prove());
  const objects = made.get(ours) ?? [];
  for (const [name, theirs] of made) refuseOtherObjects(name, objects, theirs);
  return objects;
}

/** Writes what each contestant starts from; gives the commands that are measured, and runs that show what each makes. */
export async function prepare(
  folder: string,
  services: readonly BenchService[],
  model: readonly ManifestObject[],
  options: Pick<RenderOptions, "cdk8s" | "helm">,
  cluster?: BenchCluster,
) {
  const file = (name: string) => join(folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file("stack.yaml"), benchStack(services, cluster));
  writeFileSync(file("services.json"), JSON.stringify(services));
  const render = renderCommand("bench", file("quorum"), file("stack.yaml"));
  await runCommand(render);
  const parts = { shared: ofNoService(readManifests(file("quorum")), services), ofService: model };
  writeObjectsModule(file("objects.js"), parts);
  const script = (name: string, ...args: string[]): Command => ({
    file: process.execPath,
    args: [
      join(import.meta.dirname, "peers", name),
      pathToFileURL(file("objects.js")).href,
      file("services.json"),
      ...args,
    ],
    worker: name,
  });
  const commands = new Map<Contestant, Command>();
  const proofs = new Map<Contestant, () => Promise<ManifestObject[]>>();

  commands.set(ours, render);
  proofs.set(ours, () => Promise.resolve(readManifests(file("quorum"))));

  commands.set(floor, script("floor.js"));
  const proof = file("floor.json");
  const readProof = () => JSON.parse(readFileSync(proof, "utf8")) as ManifestObject[];
  proofs.set(floor, () => runCommand(script("floor.js", proof)).then(readProof));

  if ("path" in options.cdk8s) {
    const synth = script("cdk8s.js", file("cdk8s"));
    commands.set(cdk8s, synth);
    proofs.set(cdk8s, () => runCommand(synth).then(() => readManifests(file("cdk8s"))));
  }
  if ("path" in options.helm) {
    writeChart(file("chart"), parts, services);
    const template = helmCommand(options.helm.path, file("chart"));
    commands.set(helm, template);
    proofs.set(helm, () => runCommand(template).then(({ stdout }) => parseManifests(stdout)));
  }
  return { commands, proofs };
}

function helmCommand(path: string, chart: string): Command {
  return { file: path, args: ["template", "bench", chart], env: helmHome() };
}

/** Helm with a home of its own: the user's repositories and plugins are not read. */
export function helmHome(): Record<string, string> {
  const home = (name: string) => join(benchFolder(), "helm", name);
  return { HELM_CACHE_HOME: home("cache"), HELM_CONFIG_HOME: home("config"), HELM_DATA_HOME: home("data") };
}

function sizeRows(size: number, objects: readonly ManifestObject[], figures: Results): Row[] {
  const own = figures.get(ours)?.seconds ?? NaN;
  const floorSeconds = figures.get(floor)?.seconds ?? NaN;
  return [...figures].map(([name, taken]) => ({
    ...toRow(`${size.toLocaleString("en")} services: ${name}`, taken),
    ratio: taken.seconds / own,
    remark: name === ours ? ofFloor(size, own / floorSeconds) : undefined,
    note: name === ours ? `${countByKind(objects)}; the others make the same, field by field` : undefined,
  }));
}

function ofFloor(size: number, multiple: number): string {
  const said = `${multiple.toFixed(2)} × the floor`;
  if (size !== sizes.at(-1)) return said;
  return `${said}; aim ≤ ${aimedMultipleOfFloor}: ${multiple <= aimedMultipleOfFloor ? "met" : "missed"}`;
}

/** What one more service costs between two sizes; where the cost is linear it stays the same. */
export function growthRows<Name extends string>(
  results: ReadonlyMap<number, ReadonlyMap<Name, Figures>>,
  own: Name,
  what: string,
): Row[] {
  const [small, middle, large] = sizes;
  const cost = (name: Name, from: number, to: number) => {
    const seconds = (size: number) => results.get(size)?.get(name)?.seconds ?? NaN;
    return (seconds(to) - seconds(from)) / (to - from);
  };
  return [...(results.get(large)?.keys() ?? [])].map((name) => {
    const before = cost(name, small, middle);
    const after = cost(name, middle, large);
    return {
      measurement: `${what}: ${name}`,
      seconds: after,
      ratio: after / cost(own, middle, large),
      remark: `${middle} to ${large.toLocaleString("en")}; ${small} to ${middle}: ${time(before)}`,
    };
  });
}
