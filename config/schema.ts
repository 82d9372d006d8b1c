import type { z } from "zod";
import { controlPlaneSchema } from "./schema/control-plane.ts";
import { imagesSchema } from "./schema/images.ts";
import { jobName, jobSchema } from "./schema/jobs.ts";
import { meshSchema } from "./schema/mesh.ts";
import { monitoringSchema } from "./schema/monitoring.ts";
import { ingressSchema, namespacesSchema, platformSchema, uiSchema } from "./schema/platform.ts";
import { policySchema } from "./schema/policy.ts";
import { registrySchema } from "./schema/registry.ts";
import { securitySchema } from "./schema/security.ts";
import { serviceName, serviceSchema } from "./schema/services.ts";
import { named } from "./schema/shapes.ts";
import { backupSchema, storageSchema } from "./schema/storage.ts";

/** Every section of the configuration: `quorum:<name>` in Pulumi.<stack>.yaml. */
export const sections = {
  /** Whether the stack has the cluster to itself (`owned`), or makes nothing outside its namespaces (`shared`). */
  platform: platformSchema,
  /** Registry for our images, mirror for all others, what is built and from where, who is trusted. */
  images: imagesSchema,
  /** Each service: image, kind, role, how many pods or an autoscaler, volumes, how it is reached, its files, environment and secrets. */
  services: named(serviceName, serviceSchema, "services, by name"),
  /** What runs by a schedule or once: a call to a service, or an image with a command; deadlines, retries, history. */
  jobs: named(jobName, jobSchema, "jobs, by name"),
  /** Namespaces of the apps, of the monitoring and of its agents on the nodes, of the other parts. */
  namespaces: namespacesSchema,
  /** Quotas, who may do what, exemptions of admission, signatures, generated secrets; see [docs/security.md](docs/security.md). */
  security: securitySchema,
  /** Local-path for a single host, or the cluster's own StorageClass. */
  storage: storageSchema,
  /** Where volumes with `backup: true` are backed up to, when, and which backups are kept. */
  backup: backupSchema.optional(),
  /** An ingress controller of the stack, or the one that the cluster has; see [docs/ingress.md](docs/ingress.md). */
  ingress: ingressSchema,
  /** A registry in the cluster; see [docs/registry.md](docs/registry.md). */
  registry: registrySchema.optional(),
  /** Metrics, alerts and who is told of them, dashboards, logs, traces, sign-in; see [docs/monitoring.md](docs/monitoring.md). */
  monitoring: monitoringSchema,
  /** A service mesh: Istio installed or given, its proxies, its gateway, hosts outside; see [docs/mesh.md](docs/mesh.md). */
  mesh: meshSchema,
  /** Headlamp, with an account that may only read. */
  ui: uiSchema,
  /** An existing cluster's context, or hosts that kubeadm turns into one; see [docs/control-plane.md](docs/control-plane.md). */
  controlPlane: controlPlaneSchema,
  policy: policySchema,
} as const;

export type SectionName = keyof typeof sections;
export type Platform = z.infer<typeof platformSchema>;
export type Images = z.infer<typeof imagesSchema>;
export type Service = z.infer<typeof serviceSchema>;
export type Job = z.infer<typeof jobSchema>;
export type Namespaces = z.infer<typeof namespacesSchema>;
export type Security = z.infer<typeof securitySchema>;
export type Storage = z.infer<typeof storageSchema>;
export type Backup = z.infer<typeof backupSchema>;
export type Ingress = z.infer<typeof ingressSchema>;
export type Policy = z.infer<typeof policySchema>;
export type Registry = z.infer<typeof registrySchema>;
export type Monitoring = z.infer<typeof monitoringSchema>;
export type Mesh = z.infer<typeof meshSchema>;
export type Ui = z.infer<typeof uiSchema>;
export type ControlPlane = z.infer<typeof controlPlaneSchema>;
