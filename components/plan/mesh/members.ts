import { type Endpoint, isParty, type Party } from "../connections/parties.ts";
import { prometheus } from "../connections/monitoring-parts.ts";
import { ingressGateway, isMeshed, type MeshMode } from "./mesh-parts.ts";
import { isMember } from "./traffic-settings.ts";

/** What says which pods are in the mesh. */
export interface MembershipNeeds {
  readonly mesh: MeshMode;
  readonly services: Readonly<Record<string, { readonly mesh?: boolean | undefined }>>;
  readonly jobs: Readonly<Record<string, { readonly mesh?: boolean | undefined }>>;
}

/** Whether the pods of a party have a proxy: services and jobs that do not say otherwise. Parts of the platform have none. */
export function hasProxy(party: Party, { mesh, services, jobs }: MembershipNeeds): boolean {
  if (!isMeshed(mesh)) return false;
  const own = party.kind === "service" ? services[party.app] : party.kind === "job" ? jobs[party.app] : undefined;
  return own !== undefined && isMember(own);
}

/** Whether a party shows who it is by a certificate of the mesh: those with a proxy, its gateways, and Prometheus, which has one to scrape with. */
export function hasIdentity(endpoint: Endpoint, needs: MembershipNeeds): endpoint is Party {
  if (!isParty(endpoint) || !isMeshed(needs.mesh)) return false;
  if ([ingressGateway, prometheus].some(({ place, app }) => place === endpoint.place && app === endpoint.app))
    return true;
  return hasProxy(endpoint, needs);
}
