import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { restrictedContainer, restrictedPod } from "./restricted.ts";

export interface ApiProgramArgs {
  /** Of the container. */
  readonly name: string;
  /** Image with node. */
  readonly image: pulumi.Input<string>;
  /** File of the ConfigMap that is run. */
  readonly file: string;
  /** ConfigMap with the program. */
  readonly program: pulumi.Input<string>;
  /** ServiceAccount whose token the program uses. */
  readonly account: pulumi.Input<string>;
  readonly env: readonly k8s.types.input.core.v1.EnvVar[];
}

/** A pod that runs a small program of ours, which asks the API server for what its ServiceAccount may do, and ends. */
export function apiProgramPod(args: ApiProgramArgs): k8s.types.input.core.v1.PodSpec {
  return {
    restartPolicy: "Never",
    serviceAccountName: args.account,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    securityContext: restrictedPod(),
    containers: [
      {
        name: args.name,
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        command: ["node", `/program/${args.file}`],
        env: [
          ...args.env,
          { name: "NODE_EXTRA_CA_CERTS", value: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt" },
        ],
        resources: {
          requests: { cpu: "50m", memory: "128Mi", "ephemeral-storage": "16Mi" },
          limits: { cpu: "1", memory: "128Mi", "ephemeral-storage": "64Mi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: [{ name: "program", mountPath: "/program", readOnly: true }],
      },
    ],
    volumes: [{ name: "program", configMap: { name: args.program } }],
  };
}
