import { imageCatalog } from "../../config/parse.ts";
import { imageReference } from "../../components/plan/images/images.ts";
import type { PolicyFacts, PolicyObject } from "../../policy/types.ts";

export const digest = `@sha256:${"a".repeat(64)}`;
const catalog = imageCatalog();

export const facts: PolicyFacts = {
  stack: "prod",
  local: false,
  trusted: ["registry.example.com", "docker.io/library/node"],
  pinnedTags: [imageReference(catalog, "node")],
  etcd: { "all objects": 3 },
  etcdBackup: { schedule: "17 * * * *", timeZone: "Etc/UTC", encrypted: true },
  restoreDrill: true,
  volumeBackup: { schedule: "17 2 * * *", timeZone: "Etc/UTC" },
  servicesWithVolumes: ["shop"],
};

type Fields = Record<string, unknown>;
const probe = { httpGet: { path: "/healthz", port: 8080 } };

export function container(changes: Fields = {}): Fields {
  return without({
    name: "web",
    image: `registry.example.com/quorum/app:prod${digest}`,
    resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "64Mi" } },
    readinessProbe: probe,
    livenessProbe: probe,
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    },
    ...changes,
  });
}

/** A Deployment that every rule lets pass, changed in its container, its own spec, or its pod's. */
export function deployment(of: Fields = {}, spec: Fields = {}, name = "web", pod: Fields = {}): PolicyObject {
  return workload("Deployment", of, { replicas: 1, ...spec }, name, pod);
}

export function workload(
  kind: string,
  of: Fields = {},
  spec: Fields = {},
  name = "web",
  pod: Fields = {},
): PolicyObject {
  const template = { metadata: { labels: { app: name } }, spec: { containers: [container({ name, ...of })], ...pod } };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, namespace: "apps" },
    spec: { ...spec, template },
  };
}

export function object(kind: string, name: string, rest: Fields = {}, namespace = "apps"): PolicyObject {
  return { apiVersion: "v1", kind, metadata: { name, ...(namespace === "" ? {} : { namespace }) }, ...rest };
}

function without(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
