import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { ControlPlane } from "./components/control-plane/control-plane.ts";
import { AppImages } from "./components/image/app-images.ts";
import { MetricsServer } from "./components/monitoring/metrics-server.ts";
import { Prometheus } from "./components/monitoring/prometheus.ts";
import { imageReference } from "./components/plan/images.ts";
import { scrapedTypes } from "./components/plan/prometheus.ts";
import { stackUrls } from "./components/plan/urls.ts";
import { LocalPath } from "./components/platform/local-path.ts";
import { labelObjects } from "./components/platform/managed-labels.ts";
import { Namespaces } from "./components/platform/namespaces.ts";
import { Workload } from "./components/workload/workload.ts";
import { loadConfig } from "./config.ts";

const stack = pulumi.getStack();
const config = loadConfig();
const { images, monitoring, storage } = config;
const thirdParty = (name: string) => imageReference(images.catalog, name, images.mirror);
pulumi.runtime.registerStackTransformation(labelObjects(stack));

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

const namespaces = new Namespaces(
  "namespaces",
  { names: { apps: config.namespaces.apps, monitoring: config.namespaces.monitoring } },
  { provider },
);
const apps = namespaces.nameOf("apps");

for (const [name, service] of Object.entries(config.services)) {
  new Workload(
    name,
    { ...service, namespace: apps, image: built.reference(service.image), replicas: service.replicas ?? 2 },
    { provider },
  );
}

const localPath =
  storage.provisioner === "local-path"
    ? new LocalPath(
        "local-path",
        { ...storage, image: thirdParty("local-path-provisioner"), helperImage: thirdParty("busybox") },
        { provider },
      )
    : undefined;
if (monitoring.prometheus.enabled) {
  new Prometheus(
    "prometheus",
    {
      ...monitoring.prometheus,
      namespace: namespaces.nameOf("monitoring"),
      image: thirdParty("prometheus"),
      appsNamespace: apps,
      appTypes: scrapedTypes(config.services),
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

export const urls = stackUrls(config);
export const image = built.first;
export const controlPlane = cluster.summary;
export const skipped = config.skipped;
