import { connectionIndex, type ConnectionPlan } from "../connections/connections.ts";
import { gateway as collector } from "../connections/monitoring-parts.ts";
import { type Connection, sameParty } from "../connections/parties.ts";
import { calledPort } from "./external.ts";
import { hasProxy } from "./members.ts";
import type { SidecarNeeds } from "./sidecars.ts";
import { servicePortOf } from "./traffic-settings.ts";

/**
 * Ports at which each program in the mesh hands its own spans to the collector, past its proxy: the proxy would write a span of each
 * such call, and those of spans would outnumber those of requests. The collector is not in the mesh, so nothing is lost by it, and the
 * network's policies hold as before. A port at which something else is called too stays with the proxy.
 *
 * @returns by label app; who sends no spans is not in it
 */
export function tracePorts(plan: ConnectionPlan, needs: SidecarNeeds): ReadonlyMap<string, readonly number[]> {
  const made = connectionIndex(plan, "from");
  return new Map(
    plan.parties
      .filter((party) => hasProxy(party, needs))
      .flatMap((party): [string, readonly number[]][] => {
        const all = made(party);
        const others = new Set(all.filter(({ to }) => !sameParty(to, collector)).map((one) => asked(one, needs)));
        const ports = all.filter(({ to }) => sameParty(to, collector)).map(({ port }) => port);
        const own = [...new Set(ports)].filter((port) => !others.has(port)).sort((a, b) => a - b);
        return own.length === 0 ? [] : [[party.app, own]];
      }),
  );
}

/** The port that a program asks for, which is not always that of the pod which answers. */
function asked({ to, port, external }: Connection, { mesh, services }: SidecarNeeds): number {
  const host = external === undefined ? undefined : mesh.external[external];
  if (host !== undefined) return calledPort(host);
  const service = to.kind === "service" ? services[to.app] : undefined;
  return service === undefined ? port : servicePortOf(service);
}
