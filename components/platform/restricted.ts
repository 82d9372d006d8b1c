import type * as k8s from "@pulumi/kubernetes";

type PodSecurityContext = k8s.types.input.core.v1.PodSecurityContext;
type SecurityContext = k8s.types.input.core.v1.SecurityContext;

/** User and group of pods that need none in particular; above 10000, so that it is no user of a host. */
export const unprivilegedId = 10_001;

/**
 * Pod security context that Pod Security `restricted` admits.
 *
 * @param id user, group and owner group of volumes
 */
export function restrictedPod(id: number = unprivilegedId): PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: id,
    runAsGroup: id,
    fsGroup: id,
    seccompProfile: { type: "RuntimeDefault" },
  };
}

/** Container security context that Pod Security `restricted` admits, with a read-only root file system besides. */
export const restrictedContainer: SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  privileged: false,
  readOnlyRootFilesystem: true,
};
