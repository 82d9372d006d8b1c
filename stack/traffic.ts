import * as pulumi from "@pulumi/pulumi";
import { MeshPolicies } from "../components/mesh/mesh-policies.ts";
import { MeshRoutes } from "../components/mesh/mesh-routes.ts";
import { leaveOutOfMesh, leavePastProxy } from "../components/mesh/outside-mesh.ts";
import { meshObjects } from "../components/mesh/mesh-objects.ts";
import { hasProxy } from "../components/plan/mesh/members.ts";
import { isMeshed } from "../components/plan/mesh/mesh-parts.ts";
import { tracePorts } from "../components/plan/mesh/trace-ports.ts";
import { planTraffic, type TrafficPlan } from "../components/plan/mesh/traffic.ts";
import { judgeCanaries } from "./canary.ts";
import type { StackContext } from "./context.ts";
import type { Platform } from "./platform.ts";

/** Who may call whom, and what outside of the mesh; what goes on from there. */
export interface Traffic {
  /** Its namespace of services is known once their policies are there. */
  readonly platform: Platform;
  /** Makes the routes, once there are the pods that they lead to. */
  readonly makeRoutes: (workloads: ReadonlyMap<string, pulumi.Resource>) => Promise<void>;
}

/** Has all pods of the services' namespace that are not of the mesh go without a proxy. To come before anything is made. */
export function keepOutOfMesh({ config, connections }: StackContext): void {
  if (!isMeshed(config.mesh)) return;
  const outside = connections.parties.filter((party) => party.place === "apps" && !hasProxy(party, config));
  pulumi.runtime.registerStackTransformation(leaveOutOfMesh(new Set(outside.map(({ app }) => app))));
  pulumi.runtime.registerStackTransformation(leavePastProxy(tracePorts(connections, config)));
}

/** What a stack says of its traffic, where it has a mesh. */
export function makeTraffic(context: StackContext, platform: Platform): Traffic {
  const plan = planTraffic(context.connections, context.config);
  if (plan === undefined) return { platform, makeRoutes: () => Promise.resolve() };
  const { provider } = context;
  const before =
    plan.egress.length === 0 ? [] : meshObjects("mesh-egress", plan.egress, platform.nameOf("mesh"), { provider });
  const policies = new MeshPolicies(
    "mesh-policies",
    { ...plan, before, namespace: platform.nameOf("apps") },
    { provider },
  );
  const after = (name: pulumi.Output<string>) => policies.namespace.apply(() => name);
  return {
    platform: {
      ...platform,
      nameOf: (place) => (place === "apps" ? policies.namespace : platform.nameOf(place)),
      withSecrets: (place) => (place === "apps" ? after(platform.withSecrets(place)) : platform.withSecrets(place)),
    },
    makeRoutes: (workloads) => makeRoutes(context, platform, plan, workloads),
  };
}

async function makeRoutes(
  context: StackContext,
  platform: Platform,
  { tables, edge, tokens, visibleIn }: TrafficPlan,
  workloads: ReadonlyMap<string, pulumi.Resource>,
): Promise<void> {
  const { provider } = context;
  await judgeCanaries(context);
  const namespace = platform.nameOf("apps");
  new MeshRoutes("mesh-routes", { namespace, tables, edge, visibleIn, workloads }, { provider });
  if (tokens.length > 0) meshObjects("edge-tokens", tokens, platform.nameOf("ingress"), { provider });
}
