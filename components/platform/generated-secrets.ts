import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type GeneratedSecret, generatedLabel, generatorName } from "../plan/platform/generated-secrets.ts";
import { contentHash } from "../plan/hash.ts";
import { apiProgramPod } from "./api-program-pod.ts";

export interface GeneratedSecretsArgs {
  readonly namespace: pulumi.Input<string>;
  /** What is to be there. Plain: a change makes another Job. */
  readonly secrets: readonly GeneratedSecret[];
  /** Image with Node 24.2 or newer. */
  readonly image: string;
  /** The stack's name, as a label of the Secrets. */
  readonly stack: string;
}

/** Seconds within which the Job must have succeeded, attempts included. */
const deadlineSeconds = 240;
const selector = { app: generatorName };

/**
 * Secrets that nobody has to choose. A Job makes them in the cluster, once: their values are in no state, no manifest and
 * no log. What exists is never changed, so a rotated value stays; a Secret that is no longer asked for stays too.
 */
export class GeneratedSecrets extends pulumi.ComponentResource {
  /** Name of the namespace, known once the Secrets are there: pods that use them come after them. */
  readonly namespace: pulumi.Output<string>;

  constructor(name: string, args: GeneratedSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:GeneratedSecrets", name, {}, opts);
    const { namespace } = args;
    const script = readFileSync(join(import.meta.dirname, "generate-secrets.mjs"), "utf8");
    const metadata = { name: generatorName, namespace, labels: selector };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      { parent: this },
    );
    const binding = this.grant(name, args, account.metadata.name);
    const program = new k8s.core.v1.ConfigMap(
      `${name}-program`,
      { metadata, data: { "generate-secrets.mjs": script } },
      { parent: this },
    );
    const plan = pulumi.jsonStringify({
      namespace,
      labels: { "app.kubernetes.io/managed-by": "quorum", [generatedLabel]: args.stack },
      secrets: args.secrets,
    });
    // A Job cannot be changed: whatever would change it gives it another name.
    const hash = contentHash({ script, image: args.image, secrets: JSON.stringify(args.secrets) });
    const job = new k8s.batch.v1.Job(
      `${name}-job`,
      {
        metadata: { ...metadata, name: `${generatorName}-${hash.slice(0, 8)}` },
        spec: {
          backoffLimit: 6,
          activeDeadlineSeconds: deadlineSeconds,
          template: {
            metadata: { labels: selector },
            spec: apiProgramPod({
              name: generatorName,
              image: args.image,
              file: "generate-secrets.mjs",
              program: program.metadata.name,
              account: account.metadata.name,
              env: [{ name: "PLAN", value: plan }],
            }),
          },
        },
      },
      { parent: this, dependsOn: [binding] },
    );
    this.namespace = job.metadata.namespace;
    this.registerOutputs({});
  }

  /** A Secret that does not exist yet cannot be named in a rule about making it; all else is allowed by name. */
  private grant(name: string, args: GeneratedSecretsArgs, account: pulumi.Output<string>): k8s.rbac.v1.RoleBinding {
    const { namespace, secrets } = args;
    const metadata = { name: generatorName, namespace, labels: selector };
    const role = new k8s.rbac.v1.Role(
      `${name}-role`,
      {
        metadata,
        rules: [
          { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
          {
            apiGroups: [""],
            resources: ["secrets"],
            resourceNames: secrets.map((secret) => secret.name),
            verbs: ["get", "update"],
          },
        ],
      },
      { parent: this },
    );
    return new k8s.rbac.v1.RoleBinding(
      `${name}-binding`,
      {
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
        subjects: [{ kind: "ServiceAccount", name: account, namespace }],
      },
      { parent: this },
    );
  }
}
