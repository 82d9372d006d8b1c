import type { PlannedHost } from "./control-plane.ts";

/**
 * CNI configuration of plugin `routed`: a point-to-point link for each pod, addresses from the host's own range.
 *
 * Not a bridge: with one, Service traffic between pods of a host would need masquerading to find its way back.
 */
export function cniConflist(host: PlannedHost): string {
  const conflist = {
    cniVersion: "1.0.0",
    name: `quorum-${host.name}`,
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        ipam: { type: "host-local", ranges: [[{ subnet: host.podSubnet }]], routes: [{ dst: "0.0.0.0/0" }] },
      },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  };
  return `${JSON.stringify(conflist, undefined, 2)}\n`;
}

/** Shell lines that give a host its routes to the other hosts' pods, and its pods their way out. */
export function networkCommands(host: PlannedHost, hosts: readonly PlannedHost[], podSubnet: string): string[] {
  const ensure = (table: string, rule: string) =>
    `iptables -w -t ${table} -C ${rule} 2>/dev/null || iptables -w -t ${table} -A ${rule}`;
  return [
    ...hosts
      .filter((other) => other.name !== host.name && other.podSubnet !== undefined)
      .map((other) => `ip route replace ${other.podSubnet ?? ""} via ${other.address}`),
    ensure("nat", `POSTROUTING -s ${podSubnet} ! -d ${podSubnet} -j MASQUERADE`),
    ensure("filter", `FORWARD -s ${podSubnet} -j ACCEPT`),
    ensure("filter", `FORWARD -d ${podSubnet} -j ACCEPT`),
  ];
}
