import type { z } from "zod";
import { controlPlaneSchema } from "./schema/control-plane.ts";
import { imagesSchema } from "./schema/images.ts";
import { jobName, jobSchema } from "./schema/jobs.ts";
import { meshSchema } from "./schema/mesh.ts";
import { monitoringSchema } from "./schema/monitoring.ts";
import { ingressSchema, namespacesSchema, platformSchema, uiSchema } from "./schema/platform.ts";
import { registrySchema } from "./schema/registry.ts";
import { securitySchema } from "./schema/security.ts";
import { serviceName, serviceSchema } from "./schema/services.ts";
import { named } from "./schema/shapes.ts";
import { backupSchema, storageSchema } from "./schema/storage.ts";

/** Every section of the configuration: `quorum:<name>` in Pulumi.<stack>.yaml. */
export const sections = {
  platform: platformSchema,
  images: imagesSchema,
  services: named(serviceName, serviceSchema, "services, by name"),
  jobs: named(jobName, jobSchema, "jobs, by name"),
  namespaces: namespacesSchema,
  security: securitySchema,
  storage: storageSchema,
  backup: backupSchema.optional(),
  ingress: ingressSchema,
  registry: registrySchema.optional(),
  monitoring: monitoringSchema,
  mesh: meshSchema,
  ui: uiSchema,
  controlPlane: controlPlaneSchema,
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
export type Registry = z.infer<typeof registrySchema>;
export type Monitoring = z.infer<typeof monitoringSchema>;
export type Mesh = z.infer<typeof meshSchema>;
export type Ui = z.infer<typeof uiSchema>;
export type ControlPlane = z.infer<typeof controlPlaneSchema>;
