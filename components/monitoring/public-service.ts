import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { exposure, type ExposureArgs } from "../platform/exposure.ts";

/** Service `<part>-public`, by which a part is reached from outside the cluster, and what makes it another than the part's own. */
interface PublicServiceArgs {
  /** Of the part; its labels are its pods'. */
  readonly metadata: {
    readonly name: string;
    readonly namespace: pulumi.Input<string>;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly expose: ExposureArgs;
  /** Name of the containers' port. */
  readonly port: string;
  /** @default None */
  readonly sessionAffinity?: "ClientIP";
}

/** Makes a part's Service for the outside, whose port is people's to choose: who is inside has one whose port stays. */
export function publicService(
  name: string,
  { metadata, expose, port, sessionAffinity }: PublicServiceArgs,
  opts: pulumi.CustomResourceOptions,
): k8s.core.v1.Service {
  const { annotations, ...spec } = exposure(expose);
  return new k8s.core.v1.Service(
    name,
    {
      metadata: { ...metadata, name: `${metadata.name}-public`, ...(annotations && { annotations }) },
      spec: {
        ...spec,
        selector: metadata.labels,
        ...(sessionAffinity && { sessionAffinity }),
        ports: [{ name: port, protocol: "TCP", port: expose.port, targetPort: port }],
      },
    },
    opts,
  );
}
