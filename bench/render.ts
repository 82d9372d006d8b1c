import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Command, type Figures, measureInTurn, runCommand } from "./measure.ts";
import { countByKind, type ManifestObject, parseManifests, readManifests, refuseOtherObjects } from "./objects.ts";
import { benchDir, launcher } from "./paths.ts";
import { type BenchService, benchStack, generateServices, modelService } from "./services.ts";
import { type Row, time, toRow } from "./table.ts";
import { type Model, partModel, writeChart, writeObjectsModule } from "./templates.ts";
import type { Found } from "./tools.ts";

export interface RenderOptions {
  readonly helm: Found;
  readonly cdk8s: Found;
  /** Rounds for every size. @default 5, but 3 for the largest */
  readonly rounds: number | undefined;
  readonly log: (line: string) => void;
}

const sizes = [10, 100, 1000] as const;
/** Most that a render of the largest size may take, as a multiple of the floor. */
const aimedMultipleOfFloor = 1.5;

const ours = "quorum render";
const floor = "bare loop over the SDK (floor)";
const cdk8s = "cdk8s synth";
const helm = "helm template";
type Contestant = typeof ours | typeof floor | typeof cdk8s | typeof helm;
type Results = ReadonlyMap<Contestant, Figures>;

/** The renders of dev and of generated services, beside the peers that make the same objects. */
export async function benchRender(options: RenderOptions): Promise<Row[]> {
  rmSync(benchFolder(), { recursive: true, force: true });
  mkdirSync(benchFolder(), { recursive: true });
  const rows = await benchDev(options);
  const model = await renderModel();
  const results = new Map<number, Results>();
  for (const size of sizes) {
    const { objects, figures } = await benchSize(size, model, options);
    results.set(size, figures);
    rows.push(...sizeRows(size, objects, figures));
  }
  rows.push(...growthRows(results));
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

async function renderModel(): Promise<Model> {
  const configFile = join(benchFolder(), "model.yaml");
  writeFileSync(configFile, benchStack([modelService]));
  const out = join(benchFolder(), "model");
  await runCommand(renderCommand("bench", out, configFile));
  return partModel(readManifests(out));
}

async function benchSize(
  size: number,
  model: Model,
  options: RenderOptions,
): Promise<{ objects: ManifestObject[]; figures: Results }> {
  const folder = join(benchFolder(), String(size));
  const { commands, proofs } = await prepare(folder, generateServices(size), model, options);
  options.log(`${size} services: checking that all make the same objects`);
  const made = new Map<Contestant, ManifestObject[]>();
  for (const [name, prove] of proofs) made.set(name, await prove());
  const objects = made.get(ours) ?? [];
  for (const [name, theirs] of made) refuseOtherObjects(name, objects, theirs);
  const rounds = options.rounds ?? (size === sizes.at(-1) ? 3 : 5);
  options.log(`${size} services: ${rounds} rounds of ${[...commands.keys()].join(", ")}`);
  return { objects, figures: await measureInTurn(commands, rounds) };
}

/** Writes what each contestant starts from; gives the commands that are measured, and runs that show what each makes. */
async function prepare(folder: string, services: readonly BenchService[], model: Model, options: RenderOptions) {
  const file = (name: string) => join(folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file("stack.yaml"), benchStack(services));
  writeFileSync(file("services.json"), JSON.stringify(services));
  writeObjectsModule(file("objects.js"), model);
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

  const render = renderCommand("bench", file("quorum"), file("stack.yaml"));
  commands.set(ours, render);
  proofs.set(ours, () => runCommand(render).then(() => readManifests(file("quorum"))));

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
    writeChart(file("chart"), model, services);
    const template = helmCommand(options.helm.path, file("chart"));
    commands.set(helm, template);
    proofs.set(helm, () => runCommand(template).then(({ stdout }) => parseManifests(stdout)));
  }
  return { commands, proofs };
}

/** Helm with a home of its own: the user's repositories and plugins are not read. */
function helmCommand(path: string, chart: string): Command {
  const home = (name: string) => join(benchFolder(), "helm", name);
  const env = { HELM_CACHE_HOME: home("cache"), HELM_CONFIG_HOME: home("config"), HELM_DATA_HOME: home("data") };
  return { file: path, args: ["template", "bench", chart], env };
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

/** What one more service costs between two sizes; a linear render's cost stays the same. */
function growthRows(results: ReadonlyMap<number, Results>): Row[] {
  const [small, middle, large] = sizes;
  const cost = (name: Contestant, from: number, to: number) => {
    const seconds = (size: number) => results.get(size)?.get(name)?.seconds ?? NaN;
    return (seconds(to) - seconds(from)) / (to - from);
  };
  return [...(results.get(large)?.keys() ?? [])].map((name) => {
    const before = cost(name, small, middle);
    const after = cost(name, middle, large);
    return {
      measurement: `each further service: ${name}`,
      seconds: after,
      ratio: after / cost(ours, middle, large),
      remark: `${middle} to ${large.toLocaleString("en")}; ${small} to ${middle}: ${time(before)}`,
    };
  });
}
