import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type LocalHost, madeHosts } from "../../local/hosts.ts";
import { root, stateDir } from "./quorum.ts";

type Map = Readonly<Record<string, unknown>>;

export interface OwnHostsOptions {
  /** Name of the stack and of its cluster; letters, digits and dashes. Several may live at once, each with a name of its own. */
  readonly name: string;
  /** Host names to addresses on the bridge, in its /24; names must differ from those of every other local host. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Fields of single hosts besides the address, such as `{a: {role: "worker"}}`. */
  readonly each?: Readonly<Record<string, Map>> | undefined;
  /** Fields of quorum:controlPlane, over those of stack dev, such as `{endpoint: "10.210.0.30:8443"}`. */
  readonly controlPlane?: Map | undefined;
  /** Further sections, such as `{services: {…}, monitoring: {…}}`, over a stack with neither apps nor monitoring. */
  readonly sections?: Map | undefined;
  /** Further images that the registry must have before `up`, by their names in data/images.yaml. `up` provides what the sections need. */
  readonly images?: readonly string[] | undefined;
}

/** The hosts as the local machinery knows them. */
export function hostsOf({ hosts }: OwnHostsOptions): LocalHost[] {
  return Object.entries(hosts).map(([name, address]) => ({ name, address }));
}

/** Two hosts with one address answer by turns: what a story sees then makes no sense. */
export function refuseTakenAddresses(hosts: readonly LocalHost[]): void {
  for (const made of madeHosts()) {
    const sshd = join(stateDir, "hosts", made, "etc-upper", "quorum", "sshd_config");
    const address = existsSync(sshd) && /^ListenAddress (.*)$/m.exec(readFileSync(sshd, "utf8"))?.[1];
    const host = hosts.find((each) => each.address === address);
    if (host !== undefined)
      throw new Error(`host ${made} has the address ${host.address} of ${host.name} already; remove it first`);
  }
}

function devConfig(): Record<string, Map> {
  const { config } = parse(readFileSync(join(root, "Pulumi.dev.yaml"), "utf8")) as { config: Record<string, Map> };
  return config;
}

/** quorum:controlPlane: that of stack dev, about these hosts. */
function controlPlaneOf(options: OwnHostsOptions): Map {
  const hosts = hostsOf(options).map(({ name, address }) => {
    const { kubelet, ...fields } = (options.each?.[name] ?? {}) as { kubelet?: Map };
    return [name, { address, ...fields, kubelet: { cgroupRoot: `/quorum/${name}`, ...kubelet } }];
  });
  return {
    ...devConfig()["quorum:controlPlane"],
    clusterName: options.name,
    hosts: Object.fromEntries(hosts),
    ...options.controlPlane,
  };
}

export function serviceSubnetOf(options: OwnHostsOptions): string {
  return (controlPlaneOf(options)["network"] as { serviceSubnet: string }).serviceSubnet;
}

/** The text of the stack's file. */
export function stackText(options: OwnHostsOptions): string {
  const { registry, mirror } = devConfig()["quorum:images"] ?? {};
  const off = { enabled: false };
  const sections: Map = {
    images: { registry, mirror },
    services: {},
    storage: { provisioner: "existing", className: "none", retain: false },
    monitoring: { prometheus: off, metricsServer: off },
    ...options.sections,
    controlPlane: controlPlaneOf(options),
  };
  const named = Object.entries(sections).map(([section, value]) => [`quorum:${section}`, value]);
  return stringify({ config: Object.fromEntries(named) });
}
