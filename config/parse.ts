import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { allDashboardProblems } from "../components/monitoring/dashboards.ts";
import { ruleProblems } from "../components/monitoring/alert-rules.ts";
import { connectionProblems } from "../components/plan/connections/connections-checks.ts";
import { balancerImageProblems } from "../components/plan/control-plane/balancer.ts";
import { careProblems } from "../components/plan/control-plane/care-checks.ts";
import { controlPlaneProblems } from "../components/plan/control-plane/control-plane-checks.ts";
import { type Skipped, withoutUnavailable } from "../components/plan/features.ts";
import type { ImageSources } from "../components/plan/images/image-names.ts";
import { controlPlaneImages, type ImageCatalog, requiredImages } from "../components/plan/images/images.ts";
import { logSizingProblems } from "../components/plan/monitoring/log-sizing.ts";
import { installationProblems } from "../components/plan/mesh/installation-checks.ts";
import { kialiSecret } from "../components/plan/mesh/kiali.ts";
import { monitoringProblems } from "../components/plan/monitoring/monitoring-checks.ts";
import { monitoringSecrets } from "../components/plan/monitoring/made-secrets.ts";
import { prometheusProblems } from "../components/plan/monitoring/prometheus-checks.ts";
import { presentParts, type PresentParts } from "../components/plan/monitoring/parts.ts";
import { jobProblems } from "../components/plan/jobs/job-checks.ts";
import { trafficConfigProblems } from "../components/plan/mesh/traffic-config.ts";
import { namespaceProblems, platformProblems } from "../components/plan/platform/platform-checks.ts";
import { didYouMean, type Problem, refuse } from "../components/plan/problems.ts";
import { securityProblems } from "../components/plan/platform/security-checks.ts";
import { ingressProblems } from "../components/plan/workload/ingress-checks.ts";
import { serviceProblems } from "../components/plan/workload/services.ts";
import { podHosts } from "../components/plan/workload/spread.ts";
import { workloadProblems } from "../components/plan/workload/workload-checks.ts";
import { harborAdminSecret } from "../components/plan/platform/harbor.ts";
import { registryProblems } from "../components/plan/platform/registry-checks.ts";
import { storageProblems } from "../components/plan/platform/storage-checks.ts";
import { repositoryPort } from "../components/plan/platform/volume-backup.ts";
import { otherExposures } from "./exposures.ts";
import { schemaProblems, unknownKey, withoutSecret } from "./problems.ts";
import {
  type Backup,
  type ControlPlane,
  type Images,
  type Ingress,
  type Job,
  type Mesh,
  type Monitoring,
  type Namespaces,
  type Platform,
  type Policy,
  type Registry,
  sections,
  type Security,
  type Service,
  type Storage,
  type Ui,
} from "./schema.ts";
import { jobName, jobSchema } from "./schema/jobs.ts";
import { serviceName, serviceSchema } from "./schema/services.ts";

/** A whole, checked configuration, with every default in its place. */
export interface Config {
  readonly platform: Platform;
  readonly images: Images & {
    readonly catalog: ImageCatalog;
    readonly trusted: readonly string[];
    readonly digests: "required" | "allowed";
  };
  readonly services: Readonly<Record<string, Service>>;
  readonly jobs: Readonly<Record<string, Job>>;
  readonly namespaces: Namespaces;
  readonly security: Security;
  readonly storage: Storage & { readonly provisioner: "local-path" | "existing"; readonly retain: boolean };
  readonly backup: (Backup & { readonly outbound: NonNullable<Backup["outbound"]> }) | undefined;
  readonly ingress: Ingress;
  readonly registry: Registry | undefined;
  readonly monitoring: PresentParts<Monitoring>;
  readonly mesh: Mesh & {
    readonly build: "official" | "stock";
    readonly cni: { readonly binDir: string };
    readonly telemetry: { readonly samplingPercent: number };
  };
  readonly ui: Ui;
  readonly controlPlane: ControlPlane;
  readonly policy: Policy;
  /** What the stack leaves out because this site lacks its images. */
  readonly skipped: readonly Skipped[];
}

/** How to read a raw configuration. */
export interface ParseOptions {
  /** Sections that hold a secret somewhere: no message shows any value of theirs. */
  readonly secretSections?: readonly string[];
  /** Refuses what only a render or a preview may have: stand-ins for values that nobody has set. @default false */
  readonly complete?: boolean;
  /** @default data/images.yaml */
  readonly catalog?: ImageCatalog;
}

type Raw = Readonly<Record<string, unknown>>;

/** Stands for a digest that nobody has set: no image has it. */
const zeroDigest = `sha256:${"0".repeat(64)}`;

const catalogSchema = z.record(
  z.string(),
  z.strictObject({
    image: z.string(),
    tag: z.string(),
    recipe: z.string().optional(),
    digest: z.string().optional(),
  }),
);

/** A section as Pulumi hands it over: structured values are JSON, plain ones are as they are. */
export function parseValue(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Every third-party image, from data/images.yaml. */
export function imageCatalog(): ImageCatalog {
  return catalogSchema.parse(parse(readFileSync(join(import.meta.dirname, "../data/images.yaml"), "utf8")));
}

/**
 * Checks a raw configuration: section names, as in `quorum:<section>`, to their values.
 *
 * @throws InputError naming every problem at once, one line each
 */
export function parseConfig(raw: Raw, options: ParseOptions = {}): Config {
  const catalog = options.catalog ?? imageCatalog();
  const problems: Problem[] = unknownSections(raw);
  const read = <Value>(section: string, schema: z.ZodType<Value>, value: unknown, path = ""): Value | undefined => {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const secret = options.secretSections?.includes(section) ?? false;
    problems.push(...schemaProblems(result.error.issues, { key: `quorum:${section}${path}`, value, secret }));
    return undefined;
  };
  const platform = read("platform", sections.platform, raw["platform"]);
  const images = read("images", sections.images, raw["images"] ?? {});
  const services = readEach(raw, "services", read, serviceName, serviceSchema);
  const jobs = readEach(raw, "jobs", read, jobName, jobSchema);
  const namespaces = read("namespaces", sections.namespaces, raw["namespaces"] ?? {});
  const security = read("security", sections.security, raw["security"] ?? {});
  const storage = read("storage", sections.storage, raw["storage"] ?? {});
  const backup = read("backup", sections.backup, raw["backup"]);
  const ingress = read("ingress", sections.ingress, raw["ingress"] ?? {});
  const registry = read("registry", sections.registry, raw["registry"]);
  const wantedParts = read("monitoring", sections.monitoring, raw["monitoring"] ?? {});
  const mesh = read("mesh", sections.mesh, raw["mesh"] ?? {});
  const ui = read("ui", sections.ui, raw["ui"] ?? {});
  const controlPlane = read("controlPlane", sections.controlPlane, raw["controlPlane"]);
  const policy = read("policy", sections.policy, raw["policy"] ?? {});
  const monitoring = wantedParts && platform && controlPlane && presentParts(wantedParts, { platform, controlPlane });

  const reached = backup && {
    ...backup,
    outbound: backup.outbound ?? everywhereAt(repositoryPort(backup.repository)),
  };

  const together = [
    ...(images ? imageProblems(images, catalog, options.complete ?? false) : []),
    ...(namespaces ? namespaceProblems(namespaces) : []),
    ...(platform && namespaces && security && storage && wantedParts && ingress && controlPlane
      ? platformProblems({
          platform,
          namespaces,
          security,
          storage,
          monitoring: wantedParts,
          ingress,
          mesh,
          controlPlane,
        })
      : []),
    ...(images && namespaces && security && storage && monitoring && ingress && ui && mesh && controlPlane
      ? securityProblems(
          { services, jobs, images, namespaces, security, monitoring, registry, mesh, controlPlane },
          {
            catalog,
            needed: neededImages({
              images,
              services,
              jobs,
              security,
              storage,
              backup,
              registry,
              monitoring,
              ingress,
              ui,
              mesh,
              controlPlane,
            }),
          },
        )
      : []),
    ...(controlPlane ? hostProblems(controlPlane, catalog) : []),
    ...(controlPlane?.mode === "kubeadm" && storage
      ? careProblems(controlPlane, { localPath: storage.provisioner !== "existing" })
      : []),
    ...(controlPlane?.mode === "kubeadm" && images
      ? balancerImageProblems(controlPlane.balancer, images.unavailable)
      : []),
    ...(platform && ingress && monitoring && controlPlane
      ? monitoringProblems(monitoring, {
          platform,
          local: isLocal(controlPlane),
          complete: options.complete ?? false,
          services: namesIn(raw["services"]),
          ingress,
          hostnames: hostnamesOf(services),
        })
      : []),
    ...(monitoring ? allDashboardProblems(monitoring.grafana.dashboards, monitoring.grafana.enabled) : []),
    ...(monitoring ? ruleProblems(monitoring.prometheus.rules, monitoring.prometheus.enabled) : []),
    ...(platform && ingress && monitoring && controlPlane
      ? prometheusProblems({ platform, services, jobs, ingress, monitoring, controlPlane })
      : []),
    ...(platform && monitoring && controlPlane
      ? logSizingProblems({ platform, services, jobs, monitoring, controlPlane })
      : []),
    ...(platform && ingress && monitoring && controlPlane
      ? connectionProblems(
          { platform, services, jobs, ingress, monitoring, mesh, namespaces, controlPlane, security, backup: reached },
          {
            declared: namesIn(raw["services"]),
            external: namesIn(isMapping(raw["mesh"]) ? raw["mesh"]["external"] : undefined),
          },
        )
      : []),
    ...(mesh && ingress && monitoring && controlPlane
      ? trafficConfigProblems({ mesh, services, jobs, ingress, monitoring, controlPlane }, namesIn(raw["services"]))
      : []),
    ...(images && mesh && ingress && monitoring && controlPlane
      ? installationProblems({
          mesh,
          ingress,
          services,
          monitoring,
          local: isLocal(controlPlane),
        })
      : []),
    ...jobProblems(jobs, givenKeys(raw["jobs"]), imageSources(raw, images, controlPlane, catalog)),
    ...registryProblems({ registry }),
    ...storageProblems(
      { services, backup },
      raw["backup"] !== undefined,
      (storage?.provisioner ?? (controlPlane?.mode === "kubeadm" ? "local-path" : "existing")) === "local-path",
    ),
    ...(ingress ? ingressProblems({ services, ingress }) : []),
    ...(security && storage && monitoring && controlPlane
      ? workloadProblems(services, {
          hosts: podHosts(controlPlane),
          local: isLocal(controlPlane),
          metrics: controlPlane.mode === "existing" ? undefined : monitoring.metricsServer.enabled,
          retain: storage.retain ?? !isLocal(controlPlane),
          generated: security.generatedSecrets,
        })
      : []),
    ...serviceProblems(services, {
      images: imageSources(raw, images, controlPlane, catalog),
      others: otherExposures({
        monitoring,
        ingress,
        registry,
        ui,
        mesh,
        local: controlPlane?.mode === "kubeadm" && controlPlane.local,
      }),
      oneAddress: controlPlane?.mode === "kubeadm" && controlPlane.local,
    }),
  ];
  problems.push(...together.map((problem) => withoutSecret(problem, options.secretSections ?? [])));
  refuse("the configuration of this stack", problems);
  if (
    !platform ||
    !images ||
    !namespaces ||
    !security ||
    !storage ||
    !ingress ||
    !monitoring ||
    !mesh ||
    !ui ||
    !policy ||
    !controlPlane
  ) {
    throw new Error("a section of the configuration failed without a problem");
  }
  const ours = controlPlane.mode === "kubeadm";
  const local = ours && controlPlane.local;
  const checked = {
    platform,
    images: {
      ...images,
      catalog,
      trusted: images.trusted ?? trustedRegistries(images, catalog),
      digests: digestsOf(images, controlPlane),
    },
    services,
    jobs,
    namespaces,
    security,
    storage: {
      ...storage,
      provisioner: storage.provisioner ?? (ours ? ("local-path" as const) : ("existing" as const)),
      retain: storage.retain ?? !local,
    },
    backup: reached,
    ingress,
    registry,
    ui,
    monitoring,
    mesh: {
      ...mesh,
      build: mesh.build ?? (local ? "stock" : "official"),
      // Debian's package, which local hosts take their plugins from, has a folder of its own.
      cni: { ...mesh.cni, binDir: mesh.cni.binDir ?? (local ? "/usr/lib/cni" : "/opt/cni/bin") },
      telemetry: { ...mesh.telemetry, samplingPercent: mesh.telemetry.samplingPercent ?? (local ? 100 : 1) },
    },
    controlPlane,
    policy,
  };
  const { config, skipped } = withoutUnavailable(checked, images.unavailable);
  // Only now is it known which parts there are to have them.
  const harbor = config.registry?.kind === "harbor" ? { registry: [harborAdminSecret] } : {};
  const secured = withSecrets(config.security, {
    ...harbor,
    monitoring: [...monitoringSecrets(config.monitoring), ...(config.mesh.kiali.enabled ? [kialiSecret] : [])],
  });
  return { ...config, security: secured, skipped };
}

type Read = <Value>(section: string, schema: z.ZodType<Value>, value: unknown, path?: string) => Value | undefined;

/** Reads services or jobs one by one, so that a problem in one leaves the others checked against each other. */
function readEach<Value>(
  raw: Raw,
  section: "services" | "jobs",
  read: Read,
  nameSchema: z.ZodString,
  schema: z.ZodType<Value>,
): Record<string, Value> {
  const value = raw[section] ?? {};
  if (!isMapping(value)) {
    read<unknown>(section, sections[section], value);
    return {};
  }
  const found: Record<string, Value> = {};
  for (const [name, settings] of Object.entries(value)) {
    const nameFits = read(section, z.record(nameSchema, z.unknown()), { [name]: null }) !== undefined;
    const one = read(section, schema, settings, `.${name}`);
    if (nameFits && one) found[name] = one;
  }
  return found;
}

type Sections = Pick<Config, "services" | "jobs" | "security" | "registry" | "ingress" | "ui" | "controlPlane"> & {
  readonly mesh: Mesh;
  readonly images: Images;
  readonly storage: Storage;
  readonly backup: Backup | undefined;
  readonly monitoring: PresentParts<Monitoring>;
};

/** The third-party images of sections that are not yet found to fit together. */
function neededImages(found: Sections): string[] {
  const { storage, controlPlane } = found;
  const ours = controlPlane.mode === "kubeadm";
  const provisioner = storage.provisioner ?? (ours ? ("local-path" as const) : ("existing" as const));
  return requiredImages({ ...found, storage: { ...storage, provisioner } });
}

/** Where images come from when nothing is said about trust: of third-party registries only what the stack may need of them. */
function trustedRegistries(images: Images, catalog: ImageCatalog): string[] {
  const repositories = Object.values(catalog).map(({ image }) => image);
  return [...new Set([images.registry, ...(images.mirror === undefined ? repositories : [images.mirror])])].sort();
}

type SecretPlace = Security["generatedSecrets"][string]["namespace"];
type SecretsByPlace = Readonly<
  Partial<Record<SecretPlace, readonly { readonly name: string; readonly key: string }[]>>
>;

/** Adds Secrets that the stack needs for itself to those that are made in the cluster. */
function withSecrets(security: Security, needed: SecretsByPlace): Security {
  const generatedSecrets = { ...security.generatedSecrets };
  for (const namespace of Object.keys(needed) as SecretPlace[]) {
    for (const { name, key } of needed[namespace] ?? [])
      generatedSecrets[name] = { namespace, keys: [key], length: 32 };
  }
  return { ...security, generatedSecrets };
}

/** Names by which services are reached. */
function hostnamesOf(services: Readonly<Record<string, Service>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(services).flatMap(([name, { ingress }]) =>
      ingress === undefined ? [] : [[name, ingress.hostname]],
    ),
  );
}

function everywhereAt(port: number) {
  return { subnet: "0.0.0.0/0", port, protocol: "TCP" as const };
}

/** Where images come from, as far as it is known when some of what says so is wrong. */
function imageSources(
  raw: Raw,
  images: Images | undefined,
  controlPlane: ControlPlane | undefined,
  catalog: ImageCatalog,
): ImageSources {
  return {
    // From the raw value: a problem in one build must not make it look absent.
    builds: namesIn(isMapping(raw["images"]) ? raw["images"]["builds"] : undefined),
    catalog,
    registry: images?.registry ?? "",
    mirror: images?.mirror,
    trusted: images && (images.trusted ?? trustedRegistries(images, catalog)),
    digests: images && controlPlane ? digestsOf(images, controlPlane) : "allowed",
  };
}

function digestsOf(images: Images, controlPlane: ControlPlane): "required" | "allowed" {
  return images.digests ?? (isLocal(controlPlane) ? "allowed" : "required");
}

function isLocal(controlPlane: ControlPlane): boolean {
  return controlPlane.mode === "kubeadm" && controlPlane.local;
}

function unknownSections(raw: Raw): Problem[] {
  const known = Object.keys(sections);
  return Object.keys(raw)
    .filter((name) => !known.includes(name))
    .map((name) => unknownKey(`quorum:${name}`, name, known));
}

function imageProblems(images: Images, catalog: ImageCatalog, complete: boolean): Problem[] {
  const names = Object.keys(catalog);
  const problems = images.unavailable.flatMap((name, index): Problem[] => {
    if (names.includes(name)) return [];
    const near = didYouMean(name, names);
    return [
      {
        key: `quorum:images.unavailable.${index}`,
        text: `is "${name}", but it must be a name of data/images.yaml; ${near === undefined ? `set it to one of ${names.join(", ")}` : `did you mean ${near}?`}`,
      },
    ];
  });
  for (const [name, build] of Object.entries(images.builds)) {
    if (build.digest === undefined && images.unavailable.includes("node")) {
      problems.push({
        key: `quorum:images.builds.${name}.digest`,
        text: "is missing, but without the base image node, which images.unavailable names, nothing can be built; give the digest of an image built elsewhere",
      });
    }
    if (complete && build.digest === zeroDigest) {
      problems.push({
        key: `quorum:images.builds.${name}.digest`,
        text: "is all zeros, but it must be the digest of an image that was pushed; set it, or leave it out to build the image",
      });
    }
  }
  return problems;
}

function hostProblems(controlPlane: ControlPlane, catalog: ImageCatalog): Problem[] {
  if (controlPlane.mode === "existing") return [];
  const { ssh, kubernetesVersion, local } = controlPlane;
  const problems = controlPlaneProblems(controlPlane);
  if (ssh.privateKey === undefined && ssh.privateKeyFile === undefined) {
    problems.push({
      key: "quorum:controlPlane.ssh.privateKeyFile",
      text: "is missing, but host steps need a key; set it, for example to ~/.ssh/id_ed25519, or set the secret privateKey",
    });
  }
  if (ssh.privateKey !== undefined && ssh.privateKeyFile !== undefined) {
    problems.push({
      key: "quorum:controlPlane.ssh.privateKeyFile",
      text: `is "${ssh.privateKeyFile}", but privateKey is set too; leave out one of them`,
    });
  }
  const shipped = catalog[controlPlaneImages[0]]?.tag.replace(/^v/, "");
  if (local && kubernetesVersion !== shipped) {
    problems.push({
      key: "quorum:controlPlane.kubernetesVersion",
      text: `is "${kubernetesVersion}", but local hosts have ${shipped ?? "none"}; set it to that`,
    });
  }
  return problems;
}

/** From the raw value: a problem in one build or service must not make it look absent to others. */
function namesIn(value: unknown): string[] {
  return isMapping(value) ? Object.keys(value) : [];
}

/** From the raw value: a default must not look as if somebody had set it. */
function givenKeys(value: unknown): Record<string, string[]> {
  return isMapping(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, namesIn(one)])) : {};
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
