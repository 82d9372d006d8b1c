import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { MeshObject } from "../plan/mesh/mesh-object.ts";

/** Makes planned objects of a mesh, each under its kind and name. */
export function meshObjects(
  name: string,
  objects: readonly MeshObject[],
  namespace: pulumi.Input<string>,
  opts: pulumi.CustomResourceOptions,
): k8s.apiextensions.CustomResource[] {
  return objects.map(
    ({ apiVersion, kind, name: object, annotations, app, spec }) =>
      new k8s.apiextensions.CustomResource(
        `${name}-${kind.toLowerCase()}-${object}`,
        {
          apiVersion,
          kind,
          metadata: {
            name: object,
            namespace,
            ...(app !== undefined && { labels: { app } }),
            ...(annotations !== undefined && { annotations }),
          },
          spec,
        },
        opts,
      ),
  );
}
