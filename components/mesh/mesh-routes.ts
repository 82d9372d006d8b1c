import * as pulumi from "@pulumi/pulumi";
import { gatewayRoute } from "../plan/mesh/gateway-routes.ts";
import { istioRoutes } from "../plan/mesh/istio-routes.ts";
import type { MeshObject } from "../plan/mesh/mesh-object.ts";
import type { RouteTable } from "../plan/mesh/routes.ts";
import { meshObjects } from "./mesh-objects.ts";

export interface MeshRoutesArgs {
  /** Of the services, in the mesh. */
  readonly namespace: pulumi.Input<string>;
  /** Plain: they decide which objects exist. */
  readonly tables: readonly RouteTable[];
  /** Routes of requests from outside, which name the tables' subsets. @default none */
  readonly edge?: readonly MeshObject[];
  /** Namespaces of proxies that may see the services' routes. @default the services' own */
  readonly visibleIn?: readonly string[];
  /** Pods of each service: a route comes once they are ready. */
  readonly workloads: ReadonlyMap<string, pulumi.Resource>;
}

/**
 * Where requests go. What a route names is there before it and goes after it: an engine makes an object after what it depends on,
 * and deletes what is no longer wanted last and in the other order. So a run that is ended anywhere leaves no route to a version
 * that is not there.
 */
export class MeshRoutes extends pulumi.ComponentResource {
  constructor(name: string, args: MeshRoutesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:mesh:MeshRoutes", name, {}, opts);
    const { namespace } = args;
    const before: pulumi.Resource[] = [];
    for (const table of args.tables) {
      const pods = [args.workloads.get(table.service) ?? []].flat();
      const { destinations, route } =
        table.api === "gateway"
          ? { destinations: [], route: gatewayRoute(table) }
          : istioRoutes(table, args.visibleIn ?? ["."]);
      const made = meshObjects(name, destinations, namespace, { parent: this });
      const dependsOn = [...made, ...pods];
      before.push(...dependsOn);
      if (route !== undefined) meshObjects(name, [route], namespace, { parent: this, dependsOn });
    }
    meshObjects(name, args.edge ?? [], namespace, { parent: this, dependsOn: before });
    this.registerOutputs({});
  }
}
