import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { benchCluster, clusterProblem, refuseWithoutCluster } from "./cluster.ts";
import { benchControlPlane } from "./control-plane.ts";
import { benchDelivery } from "./delivery.ts";
import { benchEtcd } from "./etcd.ts";
import { benchMesh } from "./mesh.ts";
import { benchMonitoring } from "./monitoring.ts";
import { benchDir } from "./paths.ts";
import { benchRender } from "./render.ts";
import { benchStart, startRows } from "./start.ts";
import { formatReport, type Row } from "./table.ts";
import { describeSurroundings, findCdk8s, findHelm, type Found } from "./tools.ts";

const usage =
  "npm run bench -- [render|delivery|cluster|control-plane|etcd|mesh|monitoring|start] [--rounds N] [--most 10|100|1000] [--cold]";

const log = (line: string) => console.error(line);

interface Measured {
  readonly rows: readonly Row[];
  readonly peers: { readonly helm?: Found; readonly cdk8s?: Found };
}

interface MeasuredBeside extends Measured {
  readonly peers: { readonly helm: Found; readonly cdk8s: Found };
}

/** `npm run bench`: how long quorum takes, beside its peers. */
export async function main(argv: string[]): Promise<number> {
  const { part, rounds, most, cold } = readArguments(argv);
  mkdirSync(benchDir, { recursive: true });
  const { rows, peers } = await measurePart(part, { rounds, most, cold });
  console.log(`${await describeSurroundings(peers)}\n\n${formatReport(rows)}`);
  return 0;
}

interface Wanted {
  readonly rounds: number | undefined;
  /** Most services of a render or a delivery. */
  readonly most: number | undefined;
  readonly cold: boolean;
}

function readArguments(argv: string[]): Wanted & { readonly part: string | undefined } {
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
  if (values.most !== undefined && (part === undefined || !["render", "delivery"].includes(part)))
    throw new Error(`--most is given, but only bench render and bench delivery know it; ${usage}`);
  if (values.most !== undefined && !["10", "100", "1000"].includes(values.most))
    throw new Error(`--most is "${values.most}", but it must be 10, 100 or 1000; ${usage}`);
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return { part, rounds: number(values.rounds), most: number(values.most), cold: values.cold };
}

function parseOrExplain(args: string[]) {
  const options = {
    rounds: { type: "string" },
    most: { type: "string" },
    cold: { type: "boolean", default: false },
  } as const;
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    const reason = (error as Error).message.split(". To specify")[0] ?? "";
    throw new Error(`${reason}; ${usage}`, { cause: error });
  }
}

async function measurePart(part: string | undefined, wanted: Wanted): Promise<Measured> {
  const { rounds, cold } = wanted;
  switch (part) {
    case undefined: {
      const runs = clusterProblem() === undefined;
      const delivery = await (runs ? measureDelivery(wanted) : measureRender(wanted));
      const cluster = runs ? await benchCluster({ rounds, log }) : [];
      return { ...delivery, rows: [...delivery.rows, ...cluster, ...startRows()] };
    }
    case "render":
      return measureRender(wanted);
    case "delivery":
      return measureDelivery(wanted);
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
        `bench is asked for "${part}", but it knows render, delivery, cluster, control-plane, etcd, mesh, monitoring and start; ${usage}`,
      );
  }
}

async function measureRender({ rounds, most }: Wanted): Promise<MeasuredBeside> {
  const peers = { helm: await findHelm(), cdk8s: findCdk8s(log) };
  return { rows: await benchRender({ ...peers, rounds, most, log }), peers };
}

/** The renders too: they are the first step of a delivery, and want no cluster. */
async function measureDelivery(wanted: Wanted): Promise<Measured> {
  refuseWithoutCluster();
  const { rows, peers } = await measureRender(wanted);
  return { rows: [...rows, ...(await benchDelivery({ ...peers, ...wanted, log }))], peers };
}
