import type { Problem } from "../problems.ts";
import { injectionLabels, isMeshed, type MeshMode } from "./mesh-parts.ts";
import { gatewayApi, networking, security } from "./mesh-object.ts";

/** What of a configuration leans on what the cluster has of a mesh. */
export interface ExistingMeshNeeds {
  readonly mesh: MeshMode & { readonly trustDomain: string };
  readonly services: Readonly<Record<string, { readonly route?: { readonly api: string } | undefined }>>;
  readonly namespaces: { readonly mesh: string };
}

/** Kinds that must be there, by their API. */
export interface NeededKinds {
  readonly apiVersion: string;
  readonly kinds: readonly string[];
  /** The user's key that needs them. */
  readonly key: string;
}

/** A selector of labels, in the form of meta/v1. */
interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** One webhook, as far as it says which pods get a proxy, and by whom. */
export interface InjectionWebhook {
  readonly clientConfig?: { readonly service?: { readonly namespace: string; readonly name: string } };
  readonly namespaceSelector?: Selector;
  readonly objectSelector?: Selector;
}

/** What the cluster was seen to have. */
export interface FoundMesh {
  /** Kinds by the API that serves them. */
  readonly kinds: Readonly<Record<string, readonly string[]>>;
  /** Of all MutatingWebhookConfigurations. */
  readonly webhooks: readonly InjectionWebhook[];
  /** What istiod says of the whole mesh; undefined where its ConfigMap cannot be found. */
  readonly meshConfig: { readonly trustDomain?: string | undefined } | undefined;
}

const defaultTrustDomain = "cluster.local";

/** Kinds that a stack's objects are of, and that it does not make itself. */
export function neededKinds({ mesh, services }: ExistingMeshNeeds): NeededKinds[] {
  if (!isMeshed(mesh)) return [];
  const routed = Object.entries(services).find(([, { route }]) => route?.api === "gateway");
  return [
    ...(mesh.mode === "existing"
      ? [
          {
            apiVersion: networking,
            kinds: ["DestinationRule", "ServiceEntry", "Sidecar", "VirtualService"],
            key: "quorum:mesh.mode",
          },
          { apiVersion: security, kinds: ["AuthorizationPolicy", "PeerAuthentication"], key: "quorum:mesh.mode" },
        ]
      : []),
    ...(routed === undefined
      ? []
      : [{ apiVersion: gatewayApi, kinds: ["HTTPRoute"], key: `quorum:services.${routed[0]}.route.api` }]),
  ];
}

/** Everything that a cluster lacks of the mesh that a stack is to use, or has otherwise than the configuration says. */
export function existingMeshProblems(needs: ExistingMeshNeeds, found: FoundMesh): Problem[] {
  const lacking = neededKinds(needs).flatMap(({ apiVersion, kinds, key }): Problem[] => {
    const missing = kinds.filter((kind) => !(found.kinds[apiVersion] ?? []).includes(kind));
    if (missing.length === 0) return [];
    const value = apiVersion === gatewayApi ? '"gateway"' : '"existing"';
    const fix =
      apiVersion === gatewayApi
        ? "install the Gateway API's definitions, or leave out api"
        : "install Istio 1.22 or newer, or set it to install";
    return [{ key, text: `is ${value}, but the cluster serves no ${missing.join(", ")} of ${apiVersion}; ${fix}` }];
  });
  if (needs.mesh.mode !== "existing" || lacking.length > 0) return lacking;
  return [...injectionProblems(needs, found), ...trustProblems(needs, found)];
}

/** Pods must get a proxy of an istiod that they may reach. */
function injectionProblems({ mesh, namespaces }: ExistingMeshNeeds, { webhooks }: FoundMesh): Problem[] {
  const labels = injectionLabels(mesh);
  const chosen = webhooks.filter(
    ({ namespaceSelector, objectSelector }) => selects(namespaceSelector, labels) && selects(objectSelector, {}),
  );
  // One that asks nothing of a namespace is another's: it would choose pods whatever the mesh.
  const own = chosen.filter(({ namespaceSelector }) => !selects(namespaceSelector, {}));
  const shown = Object.entries(labels).map(([key, value]) => `${key}=${value}`)[0] ?? "";
  if (own.length === 0) {
    const key = mesh.revision === undefined ? "quorum:mesh.mode" : "quorum:mesh.revision";
    const value = mesh.revision === undefined ? "existing" : mesh.revision;
    return [
      {
        key,
        text: `is "${value}", but no webhook of the cluster gives pods of a namespace with ${shown} a proxy; set quorum:mesh.revision to a revision that \`kubectl get mutatingwebhookconfigurations -L istio.io/rev\` shows`,
      },
    ];
  }
  const places = new Set(own.flatMap(({ clientConfig }) => clientConfig?.service?.namespace ?? []));
  // One outside the cluster has no namespace to compare.
  if (places.size === 0 || places.has(namespaces.mesh)) return [];
  const [place] = places;
  return [
    {
      key: "quorum:namespaces.mesh",
      text: `is "${namespaces.mesh}", but the istiod that gives pods their proxies is in ${place ?? ""}, where their network policies would not let them; set it to ${place ?? ""}`,
    },
  ];
}

/** Accounts are told by their names in the mesh: with another domain every call would be refused. */
function trustProblems({ mesh }: ExistingMeshNeeds, { meshConfig }: FoundMesh): Problem[] {
  if (meshConfig === undefined) return [];
  const { trustDomain = defaultTrustDomain } = meshConfig;
  if (trustDomain === mesh.trustDomain) return [];
  return [
    {
      key: "quorum:mesh.trustDomain",
      text: `is "${mesh.trustDomain}", but the mesh's own is "${trustDomain}", so every declared call would be refused; set it to ${trustDomain}`,
    },
  ];
}

/** Whether labels are chosen. One that is missing is that of all. */
export function selects(selector: Selector | undefined, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
        default:
          return false;
      }
    })
  );
}
