import { digestsLabel } from "./namespaces.ts";
import { trustedReferences } from "../images/trusted-images.ts";

/** What of a stack its admission policies say. */
export interface AdmissionNeeds {
  /** The stack's name; policies of a cluster have it in theirs. */
  readonly stack: string;
  /** Registries, with a path where only a part of one is trusted. */
  readonly trusted: readonly string[];
  /** Full references that need no digest: third-party images by their pinned tags, whose builds differ between a mirror and upstream. */
  readonly withoutDigest: readonly string[];
  /** Namespaces that are left alone besides kube-system. */
  readonly exemptNamespaces: readonly string[];
}

/** A ValidatingAdmissionPolicy, as much of it as differs between them. */
export interface AdmissionPolicyPlan {
  /** Of the resource in the program. */
  readonly role: "images" | "digests" | "tokens";
  /** Of the object in the cluster. */
  readonly name: string;
  readonly spec: AdmissionPolicySpec;
}

/** As much of a policy's specification as ours have. */
export interface AdmissionPolicySpec {
  readonly matchConstraints: {
    readonly namespaceSelector: object;
    readonly resourceRules: readonly {
      readonly apiGroups: readonly string[];
      readonly apiVersions: readonly string[];
      readonly operations: readonly string[];
      readonly resources: readonly string[];
    }[];
  };
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[];
  readonly variables: readonly { readonly name: string; readonly expression: string }[];
  readonly validations: readonly {
    readonly expression: string;
    readonly messageExpression?: string;
    readonly message?: string;
    readonly reason: "Forbidden" | "Invalid";
  }[];
}

/**
 * Namespaces that no policy of ours is about: the control plane's own pods must come up whatever a policy says, the ones that
 * would repair it included. Its images are the cluster administrator's choice.
 */
const alwaysExempt = ["kube-system"];

/**
 * Pods that stand for what a node runs from its own files: the kubelet has started them before it asks. Only a node's word
 * counts; a user's pod with the annotation is checked like any other.
 */
const mirrorPod =
  "has(object.metadata.annotations) && 'kubernetes.io/config.mirror' in object.metadata.annotations && 'system:nodes' in request.userInfo.groups";

const pods = (operations: readonly string[], resources: readonly string[] = ["pods"]) => [
  { apiGroups: [""], apiVersions: ["v1"], operations, resources },
];
const imageRules = pods(["CREATE", "UPDATE"], ["pods", "pods/ephemeralcontainers"]);

/** Every image of a pod, those of volumes included. */
function imagesOf(pod: "object" | "oldObject"): string {
  const containers = ["containers", "initContainers", "ephemeralContainers"].map(
    (field) => `(has(${pod}.spec.${field}) ? ${pod}.spec.${field}.filter(c, has(c.image)).map(c, c.image) : [])`,
  );
  const volumes = `(has(${pod}.spec.volumes) ? ${pod}.spec.volumes.filter(v, has(v.image) && has(v.image.reference)).map(v, v.image.reference) : [])`;
  return [...containers, volumes].join(" + ");
}

/** What a change brings in. A pod that was there before a policy can still be labelled, finished and taken away. */
const newImages = [
  { name: "before", expression: `request.operation == 'UPDATE' ? (${imagesOf("oldObject")}) : []` },
  { name: "images", expression: `(${imagesOf("object")}).filter(i, !(i in variables.before))` },
];

/** The policies of a stack that has its cluster to itself. */
export function admissionPolicies(needs: AdmissionNeeds): AdmissionPolicyPlan[] {
  return [trustedImages(needs), imageDigests(needs), accountTokens(needs)];
}

/** Pods of every namespace but the exempt run images of trusted registries only. */
function trustedImages({ stack, trusted, exemptNamespaces }: AdmissionNeeds): AdmissionPolicyPlan {
  const { prefixes, exact } = trustedReferences(trusted);
  const list = trusted.join(", ");
  return {
    role: "images",
    name: clusterWideName(stack, "trusted-images"),
    spec: {
      matchConstraints: {
        namespaceSelector: {
          matchExpressions: [
            {
              key: "kubernetes.io/metadata.name",
              operator: "NotIn",
              values: [...new Set([...alwaysExempt, ...exemptNamespaces])],
            },
          ],
        },
        resourceRules: imageRules,
      },
      matchConditions: [{ name: "no-mirror-pod", expression: `!(${mirrorPod})` }],
      variables: [
        ...newImages,
        { name: "prefixes", expression: texts(prefixes) },
        { name: "exact", expression: texts(exact) },
        {
          name: "untrusted",
          expression:
            "variables.images.filter(i, !(i in variables.exact) && !variables.prefixes.exists(p, i.startsWith(p)))",
        },
      ],
      validations: [
        {
          expression: "size(variables.untrusted) == 0",
          messageExpression: `'image ' + variables.untrusted.join(', ') + ${text(
            ` is not of a trusted registry (${list}); push it to one of them and name that in full, or add its registry to quorum:images.trusted of stack ${stack}`,
          )}`,
          reason: "Forbidden",
        },
      ],
    },
  };
}

/** Pods of labelled namespaces name their images by digest: what was tested is what runs. */
function imageDigests({ stack, withoutDigest }: AdmissionNeeds): AdmissionPolicyPlan {
  return {
    role: "digests",
    name: clusterWideName(stack, "image-digests"),
    spec: {
      matchConstraints: {
        namespaceSelector: { matchLabels: { [digestsLabel]: "required" } },
        resourceRules: imageRules,
      },
      matchConditions: [{ name: "no-mirror-pod", expression: `!(${mirrorPod})` }],
      variables: [
        ...newImages,
        { name: "pinned", expression: texts(withoutDigest) },
        {
          name: "undigested",
          expression: "variables.images.filter(i, !(i in variables.pinned) && !i.matches('@sha256:[0-9a-f]{64}$'))",
        },
      ],
      validations: [
        {
          expression: "size(variables.undigested) == 0",
          messageExpression: `'image ' + variables.undigested.join(', ') + ${text(
            ` has no digest, but this namespace has ${digestsLabel}=required; name it as name:tag@sha256:…, as docker image inspect prints it under RepoDigests`,
          )}`,
          reason: "Forbidden",
        },
      ],
    },
  };
}

/**
 * Pods of the stack's namespaces get no token by accident. Kubernetes makes the account `default` of each namespace by itself,
 * and mounts its token unless told not to; ours have accounts of their own, without tokens but where one is needed.
 */
function accountTokens({ stack }: AdmissionNeeds): AdmissionPolicyPlan {
  return {
    role: "tokens",
    name: clusterWideName(stack, "account-tokens"),
    spec: {
      matchConstraints: {
        namespaceSelector: { matchLabels: { "quorum.dev/stack": stack } },
        resourceRules: pods(["CREATE"]),
      },
      matchConditions: [{ name: "no-mirror-pod", expression: `!(${mirrorPod})` }],
      variables: [
        {
          name: "isDefault",
          expression: "!has(object.spec.serviceAccountName) || object.spec.serviceAccountName in ['', 'default']",
        },
      ],
      validations: [
        {
          expression:
            "!variables.isDefault || (has(object.spec.automountServiceAccountToken) && !object.spec.automountServiceAccountToken)",
          message:
            "the pod would get the token of the service account default; set automountServiceAccountToken: false, or name an account made for it",
          reason: "Forbidden",
        },
      ],
    },
  };
}

/** A name for an object outside the stack's namespaces. */
export function clusterWideName(stack: string, what: string): string {
  return `quorum-${stack.toLowerCase().replaceAll("_", "-")}-${what}`;
}

/** A text in CEL: what JSON allows in one, CEL reads alike. */
function text(value: string): string {
  return JSON.stringify(value);
}

function texts(values: readonly string[]): string {
  return `[${values.map(text).join(", ")}]`;
}
