import type { ConnectionPlan } from "../connections/connections.ts";
import { type AuthorizationNeeds, planAuthorization } from "./authorization.ts";
import { type EdgeGateway, edgeRoutes } from "./edge-routes.ts";
import { edgeTokens } from "./edge-tokens.ts";
import { egressGateObjects, egressObjects } from "./egress.ts";
import { externalObjects } from "./external.ts";
import { edgeGatewayName, isMeshed } from "./mesh-parts.ts";
import type { MeshObject } from "./mesh-object.ts";
import { planRoutes, type RouteTable } from "./routes.ts";
import { planOutbound, planSidecars, type SidecarNeeds } from "./sidecars.ts";
import type { JwtSettings } from "./traffic-settings.ts";

/** What of a stack decides about the traffic in its mesh. */
export interface TrafficNeeds extends SidecarNeeds {
  readonly mesh: SidecarNeeds["mesh"] & AuthorizationNeeds["mesh"] & { readonly jwt?: JwtSettings | undefined };
  readonly ingress: { readonly controller: "traefik" | "istio" | "existing" };
}

/** All that is decided about traffic, before anything is made. */
export interface TrafficPlan {
  /** Who is let to whom; the last denies the rest. */
  readonly authorization: readonly MeshObject[];
  /** What proxies know of, and what they may call outside. */
  readonly reach: readonly MeshObject[];
  /** Of the egress gateway's namespace. */
  readonly egress: readonly MeshObject[];
  readonly tables: readonly RouteTable[];
  readonly edge: readonly MeshObject[];
  /** Of the ingress gateway's namespace. */
  readonly tokens: readonly MeshObject[];
  /** Namespaces of proxies that may see the services' routes. */
  readonly visibleIn: readonly string[];
}

/** @returns undefined where the stack has no mesh */
export function planTraffic(plan: ConnectionPlan, needs: TrafficNeeds): TrafficPlan | undefined {
  const { mesh, namespaces, services, ingress } = needs;
  if (!isMeshed(mesh)) return undefined;
  const atEdge = ingress.controller === "istio";
  const gateway: EdgeGateway = {
    gateway: `${namespaces.ingress}/${edgeGatewayName}`,
    namespace: namespaces.ingress,
  };
  return {
    authorization: planAuthorization(plan, needs),
    reach: [
      ...planSidecars(plan, needs),
      ...planOutbound(plan, needs),
      ...Object.entries(mesh.external).flatMap(([name, external]) =>
        external.gateway ? egressObjects(name, external, namespaces) : externalObjects(name, external),
      ),
    ],
    egress: egressGateObjects(plan, needs),
    tables: planRoutes(services, namespaces.apps),
    edge: atEdge ? edgeRoutes(services, namespaces.apps, gateway) : [],
    tokens: atEdge ? edgeTokens(mesh.jwt, services) : [],
    visibleIn: atEdge ? [".", namespaces.ingress] : ["."],
  };
}
