import { parse, stringify } from "yaml";
import { type Cluster, namespace } from "./monitoring-cluster.ts";

/** Name of the bare Prometheus. */
export const peer = "bench-prometheus";
/** Pods that are begun to see what each brings, in a namespace of their own. */
export const morePods = 20;
export const podsNamespace = "bench-pods";

/** A pod that scrapes what the stack's Prometheus does, as it does, but keeps every series and has no rules. */
export async function peerObjects(cluster: Cluster): Promise<object> {
  const { spec } = JSON.parse(
    await cluster.kubectl(["get", "pod", "prometheus-0", "--namespace", namespace, "-o", "json"]),
  ) as {
    spec: { serviceAccountName: string; securityContext: object; containers: ServerContainer[] };
  };
  const [server] = spec.containers.filter(({ name }) => name === "prometheus");
  const { data } = JSON.parse(
    await cluster.kubectl(["get", "configmap", "prometheus-config", "--namespace", namespace, "-o", "json"]),
  ) as { data: Record<string, string> };
  const { global, scrape_configs } = parse(data["prometheus.yml"] ?? "") as {
    global: { scrape_interval: string };
    scrape_configs: Record<string, unknown>[];
  };
  const bare = scrape_configs.map((job) =>
    Object.fromEntries(
      Object.entries(job).filter(([key]) => !["metric_relabel_configs", "sample_limit"].includes(key)),
    ),
  );
  const self = { job_name: "self", static_configs: [{ targets: ["localhost:9090"] }] };
  // The interval alone: our bounds on what a target may bring would refuse those that bring all they have.
  const { scrape_interval } = global;
  const config = stringify({ global: { scrape_interval }, scrape_configs: [...bare, self] });
  const metadata = { name: peer, namespace };
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "prometheus.yml": config } },
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata,
        spec: {
          serviceAccountName: spec.serviceAccountName,
          // By which targets are looked up; the account itself gives it to no pod that does not ask.
          automountServiceAccountToken: true,
          securityContext: spec.securityContext,
          containers: [
            {
              name: peer,
              image: server?.image,
              args: ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
              securityContext: server?.securityContext,
              resources: {
                requests: { cpu: "10m", memory: "128Mi", "ephemeral-storage": "64Mi" },
                limits: { cpu: "1", memory: "2Gi", "ephemeral-storage": "1Gi" },
              },
              readinessProbe: { httpGet: { path: "/-/ready", port: 9090 } },
              volumeMounts: [
                { name: "config", mountPath: "/etc/prometheus" },
                { name: "data", mountPath: "/prometheus" },
              ],
            },
          ],
          volumes: [
            { name: "config", configMap: { name: peer } },
            { name: "data", emptyDir: {} },
          ],
        },
      },
    ],
  };
}

interface ServerContainer {
  readonly name: string;
  readonly image: string;
  readonly securityContext: object;
}

/** The image that every node has, whose program does nothing. */
export async function pauseImage(cluster: Cluster): Promise<string> {
  const { items } = JSON.parse(await cluster.kubectl(["get", "nodes", "-o", "json"])) as {
    items: { status: { images: { names: string[] }[] } }[];
  };
  const names = items.flatMap(({ status }) => status.images.flatMap((image) => image.names));
  return names.find((name) => /\/pause[:@]/.test(name)) ?? "registry.k8s.io/pause:3.10.2";
}

export function podObjects(image: string): object {
  const labels = { app: podsNamespace };
  const resources = { requests: { cpu: "1m", memory: "4Mi" }, limits: { cpu: "10m", memory: "16Mi" } };
  const template = { metadata: { labels }, spec: { containers: [{ name: "pause", image, resources }] } };
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: podsNamespace } },
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "pods", namespace: podsNamespace },
        spec: { replicas: morePods, selector: { matchLabels: labels }, template },
      },
    ],
  };
}
