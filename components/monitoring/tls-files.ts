import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { type PartTls, tlsFolder, webConfig, webConfigFile, webConfigFolder } from "../plan/monitoring/tls.ts";

interface TlsVolume {
  readonly volumes: k8s.types.input.core.v1.Volume[];
  readonly mounts: k8s.types.input.core.v1.VolumeMount[];
}

/** What a pod needs to speak TLS with the other parts. It waits until cert-manager has made it; a renewed one is there by itself. */
export function tlsVolume(tls: PartTls | undefined): TlsVolume {
  if (tls === undefined) return { volumes: [], mounts: [] };
  const { secretName, serves } = tls;
  const authority = [{ key: "ca.crt", path: "ca.crt" }];
  // Named one by one: a Secret without the authority, as of an issuer that gives none, must not do.
  const own = ["tls.crt", "tls.key"].map((key) => ({ key, path: key }));
  const items = serves ? [...own, ...authority] : authority;
  return {
    volumes: [{ name: "tls", secret: { secretName, items, defaultMode: 0o440 } }],
    mounts: [{ name: "tls", mountPath: tlsFolder, readOnly: true }],
  };
}

/** Of a probe: the kubelet takes any certificate. */
export function probeScheme(tls: PartTls | undefined): { scheme?: "HTTPS" } {
  return tls?.serves === true ? { scheme: "HTTPS" } : {};
}

/** The file that tells one of Prometheus' exporters to serve with its certificate; undefined: it serves plain HTTP. */
export function webConfigMap(
  resourceName: string,
  tls: PartTls | undefined,
  metadata: k8s.types.input.meta.v1.ObjectMeta,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> | undefined {
  if (tls === undefined) return undefined;
  return new k8s.core.v1.ConfigMap(`${resourceName}-web`, { metadata, data: { [webConfigFile]: webConfig } }, opts)
    .metadata.name;
}

/** That file, and what it names. */
export function webVolume(tls: PartTls | undefined, configMap: pulumi.Output<string> | undefined): TlsVolume {
  const { volumes, mounts } = tlsVolume(tls);
  if (configMap === undefined) return { volumes, mounts };
  return {
    volumes: [...volumes, { name: "web", configMap: { name: configMap } }],
    mounts: [...mounts, { name: "web", mountPath: webConfigFolder, readOnly: true }],
  };
}
