/** What identifies an object in a cluster. */
export interface ObjectIdentity {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}

const clusterScopedKinds: Readonly<Record<string, readonly string[] | "all">> = {
  "": ["Namespace", "Node", "PersistentVolume", "ComponentStatus"],
  "rbac.authorization.k8s.io": ["ClusterRole", "ClusterRoleBinding"],
  "storage.k8s.io": ["StorageClass", "CSIDriver", "CSINode", "VolumeAttachment", "VolumeAttributesClass"],
  "networking.k8s.io": ["IngressClass", "IPAddress", "ServiceCIDR"],
  "gateway.networking.k8s.io": ["GatewayClass"],
  "admissionregistration.k8s.io": "all",
  "apiextensions.k8s.io": "all",
  "apiregistration.k8s.io": "all",
  "certificates.k8s.io": ["CertificateSigningRequest", "ClusterTrustBundle"],
  "flowcontrol.apiserver.k8s.io": "all",
  "node.k8s.io": "all",
  "scheduling.k8s.io": ["PriorityClass"],
};
/** Groups that have such kinds. */
export const clusterScopedGroups: readonly string[] = Object.keys(clusterScopedKinds);

export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}

export function isClusterScoped({ apiVersion, kind }: ObjectIdentity): boolean {
  const kinds = clusterScopedKinds[groupOf(apiVersion)];
  return kinds === "all" || (kinds?.includes(kind) ?? false);
}
