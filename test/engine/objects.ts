import type { DesiredObject, KubeObject } from "../../engine/direct/objects.ts";
import { identityOf, keyOf } from "../../engine/direct/objects.ts";
import type { Registration } from "../../engine/direct/registration.ts";

/** A Kubernetes object with only what matters to a test. */
export function object(
  kind: string,
  name: string,
  more: Record<string, unknown> & { namespace?: string } = {},
): KubeObject {
  const { namespace, apiVersion = "v1", metadata, ...rest } = more;
  return {
    apiVersion: String(apiVersion),
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(metadata as object | undefined) },
    ...rest,
  };
}

/** An object that a program wants, called by its name. */
export function desired(wanted: KubeObject, more: Partial<DesiredObject> = {}): DesiredObject {
  return {
    urn: `urn:${wanted.kind}:${wanted.metadata.name}`,
    object: wanted,
    key: keyOf(identityOf(wanted)),
    dependencies: [],
    protect: false,
    retain: false,
    ignoreChanges: [],
    secretPaths: [],
    ...more,
  };
}

/** A registered resource with only what matters to a test. */
export function registration(more: Partial<Registration>): Registration {
  return {
    urn: `urn:pulumi:dev::quorum::${more.type ?? "test:index:Thing"}::${more.name ?? "thing"}`,
    type: "test:index:Thing",
    name: "thing",
    parent: undefined,
    custom: true,
    inputs: {},
    secretPaths: [],
    dependencies: [],
    provider: "",
    protect: false,
    retainOnDelete: false,
    ignoreChanges: [],
    aliases: [],
    additionalSecretOutputs: [],
    version: "",
    ...more,
  };
}

/** A registered Kubernetes object, labelled as the stack transformation does. */
export function kubernetes(wanted: KubeObject, more: Partial<Registration> = {}): Registration {
  const { labels, ...metadata } = wanted.metadata;
  return registration({
    type: `kubernetes:${wanted.apiVersion}:${wanted.kind}`,
    name: wanted.metadata.name,
    inputs: { ...wanted, metadata: { ...metadata, labels: { ...labels, "quorum.dev/stack": "dev" } } },
    ...more,
  });
}
