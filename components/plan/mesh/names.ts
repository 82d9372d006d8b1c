/** A Service of the cluster, by its name and namespace. */
export interface ClusterDomainParts {
  readonly service: string;
  readonly namespace: string;
}

/** DNS suffix of Services, as every part here takes it for granted. */
const clusterDomain = "cluster.local";

/** A Service's full name, as the mesh knows it. */
export function serviceHost({ service, namespace }: ClusterDomainParts): string {
  return `${service}.${namespace}.svc.${clusterDomain}`;
}
