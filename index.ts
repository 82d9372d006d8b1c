import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { ControlPlane } from "./components/control-plane/control-plane.ts";
import { AppImages } from "./components/image/app-images.ts";
import { Jobs } from "./components/jobs/jobs.ts";
import { MetricsServer } from "./components/monitoring/metrics-server.ts";
import { alertRules } from "./components/monitoring/alert-rules.ts";
import { Prometheus } from "./components/monitoring/prometheus.ts";
import { planConnections } from "./components/plan/connections.ts";
import { planGeneratedSecrets } from "./components/plan/generated-secrets.ts";
import { thirdPartyImage } from "./components/plan/image-names.ts";
import { imageReference } from "./components/plan/images.ts";
import { routesOf } from "./components/plan/ingress.ts";
import { jobRules } from "./components/plan/job-rules.ts";
import { planNetworkPolicies } from "./components/plan/network-policies.ts";
import { priorityClassName, priorityClassOf } from "./components/plan/priorities.ts";
import { scrapedTypes } from "./components/plan/prometheus.ts";
import { planSecurity } from "./components/plan/security.ts";
import { podHosts } from "./components/plan/spread.ts";
import { stackUrls } from "./components/plan/urls.ts";
import { backupRuns, volumeBackups } from "./components/plan/volume-backup.ts";
import { workloadWarnings } from "./components/plan/workload.ts";
import { ClusterUi } from "./components/platform/cluster-ui.ts";
import { GeneratedSecrets } from "./components/platform/generated-secrets.ts";
import { Harbor } from "./components/platform/harbor.ts";
import { IngressController } from "./components/platform/ingress-controller.ts";
import { LocalPath } from "./components/platform/local-path.ts";
import { labelObjects } from "./components/platform/managed-labels.ts";
import { NetworkPolicies } from "./components/platform/network-policies.ts";
import { PullSecret, pullWithSecret } from "./components/platform/pull-secrets.ts";
import { Registry } from "./components/platform/registry.ts";
import { SecurityBaseline } from "./components/platform/security-baseline.ts";
import { VolumeBackup } from "./components/platform/volume-backup.ts";
import { Ingresses } from "./components/workload/ingresses.ts";
import { Workload } from "./components/workload/workload.ts";
import { loadConfig } from "./config.ts";
import { toolPath } from "./local/tools.ts";

const stack = pulumi.getStack();
const config = loadConfig();
const { images, monitoring, storage } = config;
const thirdParty = (name: string) => imageReference(images.catalog, name, images.mirror);
for (const warning of workloadWarnings(config.services)) void pulumi.log.warn(warning);
pulumi.runtime.registerStackTransformation(labelObjects(stack));
if (Object.keys(images.pull).length > 0) pulumi.runtime.registerStackTransformation(pullWithSecret());

const cluster = new ControlPlane("control-plane", config.controlPlane);
const provider = new k8s.Provider(
  "cluster",
  { ...cluster.access, enableConfigMapMutable: true, enableSecretMutable: true, enableServerSideApply: true },
  { dependsOn: [cluster] },
);

const built = new AppImages("images", {
  builds: images.builds,
  repository: `${images.registry}/${pulumi.getProject()}`,
  tag: stack,
  base: thirdParty("node"),
});

const imageOf = (name: string) =>
  thirdPartyImage(name, { ...images, builds: Object.keys(images.builds) }) ?? built.reference(name);

const connections = planConnections(config);
const namespaces = new SecurityBaseline(
  "security",
  {
    stack,
    ...planSecurity(config, connections.places, `${images.registry}/${pulumi.getProject()}`),
    pull: images.pull,
    otherPulls: monitoring.metricsServer.enabled ? { system: "kube-system" } : {},
  },
  { provider },
);
const policies = new NetworkPolicies(
  "network-policies",
  {
    policies: planNetworkPolicies(connections, config.namespaces),
    namespaces: Object.fromEntries(connections.places.map((place) => [place, namespaces.nameOf(place)])),
  },
  { provider },
);
const apps = policies.nameOf("apps");
const generated = new Map<string, pulumi.Output<string>>();
for (const { place, secrets } of planGeneratedSecrets(config.security.generatedSecrets)) {
  const made = new GeneratedSecrets(
    `generated-secrets-${place}`,
    { namespace: policies.nameOf(place), secrets, image: thirdParty("node"), stack },
    { provider },
  );
  generated.set(place, made.namespace);
}

const localPath =
  storage.provisioner === "local-path"
    ? new LocalPath(
        "local-path",
        { ...storage, image: thirdParty("local-path-provisioner"), helperImage: thirdParty("busybox") },
        { provider },
      )
    : undefined;
if (localPath !== undefined && Object.keys(images.pull).length > 0) {
  new PullSecret("local-path-pull", { namespace: localPath.namespace, credentials: images.pull }, { provider });
}
const workloadHosts = podHosts(config.controlPlane);
const workloads = new Map<string, Workload>();
for (const [name, service] of Object.entries(config.services)) {
  const workload = new Workload(
    name,
    {
      ...service,
      namespace: (Object.keys(service.secrets.generated).length > 0 && generated.get("apps")) || apps,
      image: imageOf(service.image),
      priorityClassName: priorityClassOf(service.priority, config.platform),
      storageClassName: localPath?.className ?? storage.className,
      retainVolumes: storage.retain,
      hosts: workloadHosts,
    },
    { provider },
  );
  workloads.set(name, workload);
}
const controller =
  config.ingress.controller === "traefik"
    ? new IngressController(
        "ingress-controller",
        {
          ...config.ingress,
          namespace: policies.nameOf("ingress"),
          appsNamespace: apps,
          image: thirdParty("traefik"),
          gatewayApi: routesOf(config.services).length > 0,
          priorityClassName: priorityClassOf("critical", config.platform),
        },
        { provider },
      )
    : undefined;
if (Object.values(config.services).some(({ ingress }) => ingress !== undefined)) {
  new Ingresses("ingress", { ...config.ingress, namespace: apps, services: config.services, controller }, { provider });
}
new Jobs(
  "jobs",
  {
    jobs: config.jobs,
    namespace: apps,
    services: config.services,
    after: workloads,
    image: imageOf,
    callImage: thirdParty("node"),
    priorityClassName: config.platform === "owned" ? priorityClassName("batch") : undefined,
  },
  { provider },
);

if (config.registry?.kind === "distribution") {
  new Registry(
    "registry",
    {
      ...config.registry,
      namespace: policies.nameOf("registry"),
      image: thirdParty("registry"),
      nodeImage: thirdParty("node"),
      storageClassName: localPath?.className ?? storage.className,
      retainVolume: storage.retain,
      priorityClassName: priorityClassOf("critical", config.platform),
    },
    { provider },
  );
}
if (config.registry?.kind === "harbor") {
  new Harbor(
    "harbor",
    {
      ...images,
      ...config.registry,
      helm: await toolPath("helm"),
      namespace: config.namespaces.registry,
      storageClassName: storage.className,
      retain: storage.retain,
      metrics: monitoring.prometheus.enabled,
    },
    { provider, dependsOn: [policies] },
  );
}
if (config.backup !== undefined) {
  new VolumeBackup(
    "volume-backup",
    {
      ...config.backup,
      namespace: apps,
      image: thirdParty("restic"),
      stack,
      backups: volumeBackups(config.services),
      storageClassName: localPath?.className ?? storage.className,
    },
    { provider },
  );
}
if (monitoring.prometheus.enabled) {
  new Prometheus(
    "prometheus",
    {
      ...monitoring.prometheus,
      namespace: policies.nameOf("monitoring"),
      image: thirdParty("prometheus"),
      appsNamespace: apps,
      appTypes: scrapedTypes(config.services),
      rules: {
        ...alertRules(),
        "configured-jobs": jobRules(config.namespaces.apps, config.jobs, backupRuns(config)),
      },
      storageClassName: localPath?.className ?? storage.className,
      retainVolumes: storage.retain,
    },
    { provider },
  );
}
if (monitoring.metricsServer.enabled) {
  new MetricsServer(
    "metrics-server",
    { ...monitoring.metricsServer, image: thirdParty("metrics-server") },
    { provider },
  );
}
if (config.ui.headlamp.enabled) {
  new ClusterUi(
    "cluster-ui",
    {
      ...config.ui.headlamp,
      namespace: policies.nameOf("ui"),
      image: thirdParty("headlamp"),
      only:
        config.platform === "shared"
          ? Object.fromEntries(connections.places.map((place) => [place, policies.nameOf(place)]))
          : undefined,
    },
    { provider },
  );
}

export const urls = stackUrls(config);
export const image = built.first;
export const controlPlane = cluster.summary;
export const skipped = config.skipped;
