import { otherExposures } from "../config/exposures.ts";
import type { Config } from "../config/parse.ts";
import { requiredImages } from "../components/plan/images/images.ts";
import type { LocalNeeds } from "./cluster.ts";

/**
 * What a stack needs of this machine.
 * @throws when the stack's hosts are not those of this machine.
 */
export function localNeeds(config: Config, stack: string): LocalNeeds {
  const { controlPlane, services } = config;
  if (controlPlane.mode !== "kubeadm" || !controlPlane.local) {
    throw new Error(
      `quorum:controlPlane.local of stack ${stack} is not true, so it has no hosts on this machine; name a stack that has, such as --stack dev`,
    );
  }
  const exposed = Object.values(services).flatMap(({ expose }) => expose ?? []);
  const others = Object.values(otherExposures({ ...config, local: true }));
  return {
    hosts: Object.entries(controlPlane.hosts).map(([name, { address }]) => ({ name, address })),
    serviceSubnet: controlPlane.network.serviceSubnet,
    images: requiredImages(config),
    ports: [...exposed, ...others].map(({ port }) => port),
  };
}
