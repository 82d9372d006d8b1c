import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { benchCluster, clusterProblem } from "./cluster.ts";
import { benchControlPlane } from "./control-plane.ts";
import { benchEtcd } from "./etcd.ts";
import { benchMesh } from "./mesh.ts";
import { benchMonitoring } from "./monitoring.ts";
import { benchDir } from "./paths.ts";
import { benchRender } from "./render.ts";
import { benchStart, startRows } from "./start.ts";
import { formatReport, type Row } from "./table.ts";
import { describeSurroundings, findCdk8s, findHelm, type Found } from "./tools.ts";

const usage = "npm run bench -- [render|cluster|control-plane|etcd|mesh|monitoring|start] [--rounds N] [--cold]";

const log = (line: string) => console.error(line);

interface Measured {
  readonly rows: readonly Row[];
  readonly peers: { readonly helm?: Found; readonly cdk8s?: Found };
}

/** `npm run bench`: how long quorum takes, beside its peers. */
export async function main(argv: string[]): Promise<number> {
  const { part, rounds, cold } = readArguments(argv);
  mkdirSync(benchDir, { recursive: true });
  const { rows, peers } = await measurePart(part, rounds, cold);
  console.log(`${await describeSurroundings(peers)}\n\n${formatReport(rows)}`);
  return 0;
}

function readArguments(argv: string[]): { part: string | undefined; rounds: number | undefined; cold: boolean } {
  const { positionals, values } = parseOrExplain(argv);
  const [part, ...rest] = positionals;
  if (rest.length > 0) throw new Error(`bench takes one part, but got ${positionals.join(" ")}; ${usage}`);
  if (values.cold && part !== "start") throw new Error(`--cold is given, but only bench start knows it; ${usage}`);
  if (values.rounds !== undefined && part === "start") {
    throw new Error(`--rounds is given, but bench start has one round; ${usage}`);
  }
  if (values.rounds !== undefined && !/^[1-9]\d{0,2}$/.test(values.rounds)) {
    throw new Error(`--rounds is "${values.rounds}", but it must be an integer from 1 to 999; ${usage}`);
  }
  return { part, rounds: values.rounds === undefined ? undefined : Number(values.rounds), cold: values.cold };
}

function parseOrExplain(args: string[]) {
  const options = { rounds: { type: "string" }, cold: { type: "boolean", default: false } } as const;
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    const reason = (error as Error).message.split(". To specify")[0] ?? "";
    throw new Error(`${reason}; ${usage}`, { cause: error });
  }
}

async function measurePart(part: string | undefined, rounds: number | undefined, cold: boolean): Promise<Measured> {
  switch (part) {
    case undefined: {
      const render = await measureRender(rounds);
      const cluster = clusterProblem() === undefined ? await benchCluster({ rounds, log }) : [];
      return { ...render, rows: [...render.rows, ...cluster, ...startRows()] };
    }
    case "render":
      return measureRender(rounds);
    case "cluster":
      return { rows: [...(await benchCluster({ rounds, log })), ...startRows()], peers: {} };
    case "control-plane":
      return { rows: await benchControlPlane({ rounds, log }), peers: {} };
    case "etcd":
      return { rows: await benchEtcd({ rounds, log }), peers: {} };
    case "monitoring":
      return { rows: await benchMonitoring({ rounds, log }), peers: {} };
    case "mesh":
      return { rows: await benchMesh({ rounds, log }), peers: {} };
    case "start":
      return { rows: await benchStart({ cold, log }), peers: {} };
    default:
      throw new Error(
        `bench is asked for "${part}", but it knows render, cluster, control-plane, etcd, mesh, monitoring and start; ${usage}`,
      );
  }
}

async function measureRender(rounds: number | undefined): Promise<Measured> {
  const peers = { helm: await findHelm(), cdk8s: findCdk8s(log) };
  return { rows: await benchRender({ ...peers, rounds, log }), peers };
}
