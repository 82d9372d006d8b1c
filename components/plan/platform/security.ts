import type { AccessGroups } from "./access-roles.ts";
import { controlPlaneImages, type ImageCatalog, imageReference } from "../images/images.ts";
import type { CareControlPlane } from "../control-plane/care.ts";
import { type NamespaceNeeds, type PlannedNamespace, planNamespaces } from "./namespaces.ts";
import type { Place } from "../connections/parties.ts";
import { type ContainerRange, containerRange, type Quota, type QuotaNeeds, quotaOf } from "./quota.ts";
import { hasDigest } from "../images/trusted-images.ts";

/** What of a configuration decides about its security. */
export interface SecuritySettings extends QuotaNeeds, Omit<NamespaceNeeds, "services" | "monitoring" | "mesh"> {
  readonly platform: "owned" | "shared";
  readonly images: NamespaceNeeds["images"] & {
    readonly registry: string;
    readonly mirror?: string | undefined;
    readonly catalog: ImageCatalog;
    readonly trusted: readonly string[];
  };
  readonly security: QuotaNeeds["security"] & {
    readonly access: AccessGroups;
    readonly exemptNamespaces: readonly string[];
    readonly signatures?: { readonly publicKey: string } | undefined;
  };
  readonly controlPlane: CareControlPlane &
    ({ readonly mode: "existing" } | { readonly mode: "kubeadm"; readonly hosts: Readonly<Record<string, unknown>> });
}

/** What a stack's baseline is made of. */
export interface SecurityPlan {
  readonly namespaces: readonly PlannedNamespace[];
  readonly quotas: Readonly<Partial<Record<Place, Quota>>>;
  readonly range: ContainerRange;
  readonly access: AccessGroups;
  /** Undefined where the cluster is another stack's. */
  readonly admission:
    | {
        readonly trusted: readonly string[];
        readonly withoutDigest: readonly string[];
        readonly exemptNamespaces: readonly string[];
      }
    | undefined;
  readonly signatures:
    { readonly publicKey: string; readonly repository: string; readonly trusted: readonly string[] } | undefined;
}

/** Nodes of a cluster of unknown size, for the quota of DaemonSets. */
const unknownNodes = 50;

/**
 * The security of a stack. The configuration is taken as checked.
 *
 * @param places namespaces that have pods of the stack, or may get some
 * @param repository registry and folder of its own images
 */
export function planSecurity(settings: SecuritySettings, places: readonly Place[], repository: string): SecurityPlan {
  const { controlPlane, images, platform, security } = settings;
  const nodes = controlPlane.mode === "kubeadm" ? Object.keys(controlPlane.hosts).length : unknownNodes;
  return {
    namespaces: planNamespaces(settings, places),
    quotas: Object.fromEntries(places.map((place) => [place, quotaOf(place, settings, nodes)])),
    range: containerRange(settings),
    access: security.access,
    admission:
      platform === "shared"
        ? undefined
        : {
            trusted: images.trusted,
            withoutDigest: referencesWithoutDigest(images),
            exemptNamespaces: security.exemptNamespaces,
          },
    signatures: security.signatures && {
      publicKey: security.signatures.publicKey,
      repository,
      trusted: images.trusted,
    },
  };
}

/**
 * Third-party images whose digest nobody can know beforehand: data/images.yaml has none, or a mirror may hold a build of its
 * own. They may run by their pinned tag where digests are required, and nothing else may.
 */
function referencesWithoutDigest({ catalog, mirror }: SecuritySettings["images"]): string[] {
  const ours: readonly string[] = controlPlaneImages;
  return Object.keys(catalog)
    .filter((name) => !ours.includes(name))
    .map((name) => imageReference(catalog, name, mirror))
    .filter((reference) => !hasDigest(reference))
    .sort();
}
