import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadStack } from "../engine/load-stack.ts";
import { ensureLocal, resetLocal, startLoadBalancer, status, stopLocal } from "./cluster.ts";
import { localNeeds } from "./needs.ts";
import { stateDir } from "./paths.ts";

const usage = "npm run local -- start|stop|status|reset [--stack S] [--json]";

/** `npm run local`: the bare hosts on this machine, and what they need. */
export async function main(argv: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { stack: { type: "string", default: "dev" }, json: { type: "boolean", default: false } },
  });
  const [action, ...rest] = positionals;
  if (rest.length > 0) throw new Error(`local takes one action, but got ${positionals.join(" ")}; ${usage}`);
  switch (action) {
    case "start": {
      const needs = localNeeds(loadStack(values.stack), values.stack);
      await ensureLocal(needs, console.log);
      const kubeconfig = join(stateDir, `${values.stack}.kubeconfig`);
      if (existsSync(kubeconfig))
        await startLoadBalancer({ kubeconfig, addresses: needs.hosts.map((host) => host.address) }, console.log);
      console.log("hosts are ready; npm run up brings the stack up on them");
      return 0;
    }
    case "stop":
      await stopLocal();
      console.log("stopped; disks and images stay, npm run local -- start goes on from there");
      return 0;
    case "reset":
      await resetLocal(values.stack);
      console.log("removed: hosts, networks, disks and daemons of this checkout; what was built stays in the cache");
      return 0;
    case "status":
      return printStatus(values.json);
    default:
      throw new Error(
        `local is asked for ${action === undefined ? "nothing" : `"${action}"`}, but it knows start, stop, status and reset; ${usage}`,
      );
  }
}

/** Exit code 1 when a part died. */
function printStatus(json: boolean): number {
  const found = status();
  if (json) console.log(JSON.stringify(found, undefined, 2));
  else {
    for (const part of found) {
      console.log(`${part.name.padEnd(16)} ${part.state.padEnd(8)} ${String(part.pid ?? "-").padEnd(8)} ${part.log}`);
      if (part.lastWords !== undefined) console.log(part.lastWords.replaceAll(/^/gm, "    | "));
    }
  }
  return found.some(({ state }) => state === "died") ? 1 : 0;
}
