import type { Config } from "../config/parse.ts";
import { exposedParts } from "../components/plan/monitoring/sign-in.ts";
import { requiredImages } from "../components/plan/images/images.ts";
import type { LocalNeeds } from "./cluster.ts";

/**
 * What a stack needs of this machine.
 * @throws when the stack's hosts are not those of this machine.
 */
export function localNeeds(config: Config, stack: string): LocalNeeds {
  const { controlPlane, monitoring, services, ui } = config;
  if (controlPlane.mode !== "kubeadm" || !controlPlane.local) {
    throw new Error(
      `quorum:controlPlane.local of stack ${stack} is not true, so it has no hosts on this machine; name a stack that has, such as --stack dev`,
    );
  }
  const parts = [...exposedParts.map((name) => monitoring[name]), ui.headlamp].filter(({ enabled }) => enabled);
  const exposed = [...Object.values(services), ...parts].map(({ expose }) => expose?.port);
  return {
    hosts: Object.entries(controlPlane.hosts).map(([name, { address }]) => ({ name, address })),
    serviceSubnet: controlPlane.network.serviceSubnet,
    images: requiredImages(config),
    ports: exposed.filter((port) => port !== undefined),
  };
}
