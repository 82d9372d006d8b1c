import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { PlannedNamespace } from "../plan/platform/namespaces.ts";

export interface NamespacesArgs {
  /** Plain: they decide which exist. A change of a name replaces the namespace and all in it. */
  readonly namespaces: readonly PlannedNamespace[];
}

/** Namespaces of a stack, with what their pods may do. */
export class Namespaces extends pulumi.ComponentResource {
  private readonly namespaces: ReadonlyMap<string, k8s.core.v1.Namespace>;

  constructor(name: string, args: NamespacesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:Namespaces", name, {}, opts);
    this.namespaces = new Map(
      args.namespaces.map(({ place, name: namespace, labels, retain }) => [
        place,
        new k8s.core.v1.Namespace(
          `${name}-${place}`,
          { metadata: { name: namespace, labels } },
          // Protected too, so that a destroy of all is refused, or leaves it out, before anything is gone.
          { parent: this, protect: retain, retainOnDelete: retain },
        ),
      ]),
    );
    this.registerOutputs({});
  }

  /** Name of a namespace, known once it is made: what uses it comes after it. */
  nameOf(place: string): pulumi.Output<string> {
    const namespace = this.namespaces.get(place);
    if (namespace === undefined) throw new pulumi.ResourceError(`there is no namespace for "${place}"`, this);
    return namespace.metadata.name;
  }
}
