import * as pulumi from "@pulumi/pulumi";
import type { MeshObject } from "../plan/mesh/mesh-object.ts";
import { meshObjects } from "./mesh-objects.ts";

export interface MeshPoliciesArgs {
  /** Of the services, in the mesh. */
  readonly namespace: pulumi.Input<string>;
  /** Plain: they decide which objects exist. Who is let to whom; the last of them denies the rest. */
  readonly authorization: readonly MeshObject[];
  /** What proxies know of, and what outside the mesh they may call. A Sidecar without a selector comes after all the others. */
  readonly reach: readonly MeshObject[];
  /** What the routes among them name, besides the others. @default nothing */
  readonly before?: readonly pulumi.Resource[];
}

/**
 * Who may call whom in a mesh, and what outside of it: nothing but what is declared.
 *
 * @see https://istio.io/latest/docs/ops/best-practices/security/
 */
export class MeshPolicies extends pulumi.ComponentResource {
  /** The namespace, known once its policies are there: pods that use it never run unprotected. */
  readonly namespace: pulumi.Output<string>;

  constructor(name: string, args: MeshPoliciesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:mesh:MeshPolicies", name, {}, opts);
    const { namespace } = args;
    const isRoute = ({ kind }: MeshObject) => kind === "VirtualService";
    const isOfAll = ({ kind, spec }: MeshObject) => kind === "Sidecar" && spec["workloadSelector"] === undefined;
    const named = meshObjects(
      name,
      args.reach.filter((one) => !isRoute(one) && !isOfAll(one)),
      namespace,
      { parent: this },
    );
    // Proxies that run already know of nothing by it, save where one of their own is there.
    const ofAll = meshObjects(name, args.reach.filter(isOfAll), namespace, { parent: this, dependsOn: named });
    const routes = meshObjects(name, args.reach.filter(isRoute), namespace, {
      parent: this,
      dependsOn: [...named, ...(args.before ?? [])],
    });
    const reach = [...named, ...ofAll, ...routes];
    const [allowed, denied] = [args.authorization.slice(0, -1), args.authorization.slice(-1)];
    const allowing = meshObjects(name, allowed, namespace, { parent: this });
    // One resource stands for all, so that pods do not each depend on those of every service.
    const denying = meshObjects(name, denied, namespace, { parent: this, dependsOn: [...reach, ...allowing] });
    const last = (denying.length > 0 ? denying : reach).map(({ urn }) => urn);
    this.namespace = pulumi.all([namespace, pulumi.all(last)]).apply(([known]) => known);
    this.registerOutputs({});
  }
}
