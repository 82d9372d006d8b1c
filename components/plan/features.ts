import { withoutCalls, withoutParts } from "./monitoring/left-out-parts.ts";
import { careImages, careOf, withoutCare } from "./control-plane/care.ts";
import { harborImages, type ImageNeeds, istioImages, jobImage } from "./images/images.ts";
import { jobsLeftOut, servicesLeftOut, withoutServices } from "./workload/left-out-services.ts";

/** Part of a stack that was left out, and why: the stack output `skipped`. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** Leaves out what needs an image that this site cannot provide. */
export function withoutUnavailable<Config extends ImageNeeds>(
  config: Config,
  unavailable: readonly string[],
): { readonly config: Config; readonly skipped: Skipped[] } {
  const missing = (images: readonly string[]) => images.filter((image) => unavailable.includes(image));
  const { monitoring, storage } = config;
  const skipped: Skipped[] = [];
  const keep = (wanted: boolean, name: string, images: readonly string[]) => {
    const lacks = wanted ? missing(images) : [];
    if (lacks.length > 0) skipped.push({ name, reason: `image ${lacks.join(", ")} is unavailable here` });
    return wanted && lacks.length === 0;
  };
  const ownStorage = storage.provisioner === "local-path";
  const localPath = keep(ownStorage, "local-path-provisioner", ["local-path-provisioner", "busybox"]);
  const { ingress, ui } = config;
  const meshed = keep(config.mesh?.mode === "install", "mesh", istioImages);
  const kiali = keep(meshed && config.mesh?.kiali.enabled === true, "kiali", ["kiali"]);
  const mesh = config.mesh && withoutMesh(config.mesh, { meshed, kiali });
  const own = ingress.controller !== "existing";
  const served =
    ingress.controller === "istio" ? meshed : keep(ingress.controller === "traefik", "ingress-controller", ["traefik"]);
  // Without the controller that was to serve them, they would be rules that nobody follows.
  const unserved = own && !served;
  const watched = withoutParts(monitoring, { keep, skipped, volumes: !ownStorage || localPath, unserved });
  const limits = { unavailable, volumes: !ownStorage || localPath };
  const noServices = servicesLeftOut(config.services ?? {}, config.images, limits);
  const noJobs = jobsLeftOut(config.jobs ?? {}, noServices);
  skipped.push(...noServices.values(), ...noJobs.values());
  const alertmanager = withoutCalls(watched.alertmanager, noServices, skipped);
  const services = config.services && withoutServices(config.services, noServices);
  for (const [name, service] of Object.entries(unserved ? (services ?? {}) : {})) {
    if (service.ingress === undefined) continue;
    skipped.push({ name: `ingress of ${name}`, reason: "the ingress controller is left out" });
  }
  const backup = keep(config.backup !== undefined, "volume backups", ["restic"]);
  const { controlPlane } = config;
  const backedUp = careOf(controlPlane).backup !== undefined;
  const etcdBackup = keep(backedUp, "backups of etcd", careImages(controlPlane));
  const maintained = careOf(controlPlane).maintenance !== undefined;
  const maintenance = keep(maintained, "maintenance of etcd", careImages(withoutCare(controlPlane, { backup: true })));
  const registryNeeds = config.registry?.kind === "harbor" ? harborImages : ["registry", "node"];
  const registry = keep(config.registry !== undefined, `registry (${config.registry?.kind})`, registryNeeds);
  const headlamp = keep(ui.headlamp.enabled, "headlamp", ["headlamp"]);
  const callable = withoutServices(config.jobs ?? {}, new Map([...noServices, ...noJobs]));
  const jobs = Object.entries(callable).filter(([name, job]) =>
    keep(true, `job ${name}`, [jobImage(job, config.images) ?? []].flat()),
  );
  return {
    config: {
      ...config,
      ...(services && { services: unserved ? withoutIngress(services) : services }),
      ingress: { ...ingress, controller: served ? ingress.controller : "existing" },
      ...(mesh && { mesh }),
      backup: backup ? config.backup : undefined,
      controlPlane: withoutCare(controlPlane, {
        backup: backedUp && !etcdBackup,
        maintenance: maintained && !maintenance,
      }),
      registry: registry ? config.registry : undefined,
      ui: { ...ui, headlamp: { ...ui.headlamp, enabled: headlamp } },
      ...(config.jobs && { jobs: Object.fromEntries(jobs) }),
      storage: { ...storage, provisioner: localPath ? "local-path" : "existing" },
      monitoring: { ...watched, alertmanager },
    },
    skipped,
  };
}

/** Without its images there is no mesh: what services say of it is nobody's to follow then. */
function withoutMesh<Mesh extends NonNullable<ImageNeeds["mesh"]>>(
  mesh: Mesh,
  has: { readonly meshed: boolean; readonly kiali: boolean },
): Mesh {
  return {
    ...mesh,
    mode: mesh.mode === "install" && !has.meshed ? "off" : mesh.mode,
    kiali: { ...mesh.kiali, enabled: has.kiali },
  };
}

function withoutIngress<Service extends object>(
  services: Readonly<Record<string, Service>>,
): Record<string, Service & { readonly ingress: undefined }> {
  return Object.fromEntries(
    Object.entries(services).map(([name, service]) => {
      // Left open to a controller that is not there, it would be open to one that the stack knows nothing of.
      const { exposedTo: places } = service as { readonly exposedTo?: readonly string[] | undefined };
      const exposedTo = places?.filter((place) => place !== "ingress");
      return [name, { ...service, ingress: undefined, ...(exposedTo && { exposedTo }) }];
    }),
  );
}
