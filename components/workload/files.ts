import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { contentHash } from "../plan/hash.ts";
import { workloadNames } from "../plan/workload/workload.ts";
import { shownHash } from "../platform/shown-hash.ts";
import type { WorkloadArgs } from "./args.ts";
import { authorityFolders } from "./tracing.ts";

type Texts = Readonly<Record<string, pulumi.Input<string>>>;
type EnvVar = k8s.types.input.core.v1.EnvVar;

/** Files and secret environment of a service, as its pods use them. */
export interface WorkloadFiles {
  readonly env: readonly EnvVar[];
  /** Folders of the container, each a volume of the pod. */
  readonly folders: readonly { readonly mountPath: string; readonly volume: k8s.types.input.core.v1.Volume }[];
  /** Of the pods: they change with the content, and so roll the pods out. */
  readonly annotations: Readonly<Record<string, pulumi.Input<string>>>;
}

/** Makes the ConfigMap and the Secrets of a service, under names that stay when their content changes. */
export function workloadFiles(
  name: string,
  serviceName: string,
  args: WorkloadArgs,
  parent: pulumi.Resource,
): WorkloadFiles {
  const names = workloadNames(serviceName);
  const { namespace, secrets = {} } = args;
  const metadata = (object: string) => ({ name: object, namespace, labels: { app: serviceName } });
  const config = nonEmpty(args.config);
  const secretEnv = nonEmpty(secrets.env);
  const secretFiles = nonEmpty(secrets.files);
  const configMap =
    config &&
    new k8s.core.v1.ConfigMap(`${name}-config`, { metadata: metadata(names.config), data: { ...config } }, { parent });
  const [envSecret, fileSecret] = (
    [
      [`${name}-secret-env`, names.secretEnv, secretEnv],
      [`${name}-secret-files`, names.secretFiles, secretFiles],
    ] as const
  ).map(([resource, object, texts]) =>
    texts === undefined
      ? undefined
      : new k8s.core.v1.Secret(
          resource,
          { metadata: metadata(object), type: "Opaque", data: encoded(texts) },
          { parent },
        ),
  );
  return {
    env: [
      ...Object.keys(secretEnv ?? {}).map((variable) => fromSecret(variable, envSecret?.metadata.name ?? "", variable)),
      ...Object.entries(secrets.generated ?? {}).map(([variable, reference]) => {
        const [secret = "", key = ""] = reference.split("/");
        return fromSecret(variable, secret, key);
      }),
    ],
    folders: [
      ...(configMap
        ? [{ mountPath: names.configPath, volume: { name: "config", configMap: { name: configMap.metadata.name } } }]
        : []),
      ...(fileSecret
        ? [
            {
              mountPath: names.secretsPath,
              volume: { name: "secrets", secret: { secretName: fileSecret.metadata.name, defaultMode: 0o440 } },
            },
          ]
        : []),
      ...authorityFolders(args),
    ],
    annotations: {
      ...(config && { "quorum.dev/config-hash": pulumi.output(config).apply(contentHash) }),
      ...((secretEnv ?? secretFiles) && {
        "quorum.dev/secret-hash": shownHash(
          byKind({ env: secretEnv ?? {}, files: secretFiles ?? {} }),
          pulumi.interpolate`${args.namespace}/${serviceName}`,
        ),
      }),
    },
  };
}

/** Environment and files are apart: the same text moved from one to the other is another content. */
function byKind({ env, files }: Readonly<Record<"env" | "files", Texts>>): Texts {
  return Object.fromEntries(
    Object.entries({ env, files }).flatMap(([kind, texts]) =>
      Object.entries(texts).map(([key, text]) => [`${kind}/${key}`, text]),
    ),
  );
}

/** As `data`, not `stringData`: with server-side apply a key that is left out of that one stays in the Secret. */
function encoded(texts: Texts): Record<string, pulumi.Output<string>> {
  return Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [
      key,
      pulumi.secret(text).apply((plain) => Buffer.from(plain).toString("base64")),
    ]),
  );
}

function fromSecret(variable: string, name: pulumi.Input<string>, key: string): EnvVar {
  return { name: variable, valueFrom: { secretKeyRef: { name, key } } };
}

function nonEmpty(texts: Texts | undefined): Texts | undefined {
  return texts !== undefined && Object.keys(texts).length > 0 ? texts : undefined;
}
