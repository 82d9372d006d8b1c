import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { contentHash } from "../plan/hash.ts";
import { exposure, type ExposureArgs } from "../platform/exposure.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";

export interface ProbeArgs {
  /** Answers 200 while the service can take requests. @default /health, as in the sample app */
  readonly readinessPath?: string;
  /** Answers 200 while the process is worth keeping. @default /api/job/alive/check, as in the sample app */
  readonly livenessPath?: string;
  /** Seconds between two checks. @default 5 */
  readonly periodSeconds?: number;
  /** Seconds until a check counts as failed. @default 1 */
  readonly timeoutSeconds?: number;
  /** Seconds from the container's start until it must answer. @default 60 */
  readonly startupSeconds?: number;
}

export interface ResourceArgs {
  /** Thousandths of a core that are set aside. @default 100 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which the container is killed. @default 128 */
  readonly memoryMiB?: number;
}

export interface WorkloadArgs {
  readonly namespace: pulumi.Input<string>;
  /** Name of the Deployment, the Service and all else; a change replaces them. @default the component's name */
  readonly serviceName?: string;
  readonly image: pulumi.Input<string>;
  /** What the service does: ROLE of the process and label instancetype of the Service. */
  readonly role: string;
  /** Pods. @default 2 */
  readonly replicas?: pulumi.Input<number>;
  /** Port that the container listens on, 1 to 65535. Plain: below 1024 the pod needs leave for it. */
  readonly port: number;
  /** How the Service is reached from outside the cluster; undefined: not at all. */
  readonly expose?: ExposureArgs | undefined;
  /** Port of the Service. @default expose.port, or else port */
  readonly servicePort?: number | undefined;
  /** Whether Prometheus scrapes it. @default true */
  readonly scrape?: boolean;
  /** Label apptype of a scraped Service, by which Prometheus chooses. @default business, as in the sample app */
  readonly type?: string;
  /** Further environment of the process. @default none */
  readonly env?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Files mounted at /etc/<serviceName>; a change of one rolls the pods out anew. @default none */
  readonly config?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly resources?: ResourceArgs;
  readonly probes?: ProbeArgs;
  /** Seconds from the order to stop until the process is killed, 10 or more. @default 30 */
  readonly gracePeriodSeconds?: number;
}

/** Seconds that a stopping pod goes on serving, so that every node has taken it out of the Service before it refuses. */
const drainSeconds = 5;
/** Lowest CPU limit: start-up of a runtime needs more than the service itself. */
const leastCpuLimitMillis = 1000;
const firstUnprivilegedPort = 1024;

interface Names {
  /** Of the component, and so of its children. */
  readonly name: string;
  /** Of the objects. */
  readonly serviceName: string;
  readonly selector: { readonly app: string };
}

/** A stateless service: its pods, the Service before them, their identity and their files. */
export class Workload extends pulumi.ComponentResource {
  readonly deployment: k8s.apps.v1.Deployment;
  readonly service: k8s.core.v1.Service;

  constructor(name: string, args: WorkloadArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:workload:Workload", name, {}, opts);
    const serviceName = args.serviceName ?? name;
    const names = { name, serviceName, selector: { app: serviceName } };
    this.deployment = this.deploy(names, args);
    this.service = this.serve(names, args);
    this.registerOutputs({});
  }

  private deploy({ name, serviceName, selector }: Names, args: WorkloadArgs): k8s.apps.v1.Deployment {
    const { namespace } = args;
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: { name: serviceName, namespace, labels: selector }, automountServiceAccountToken: false },
      { parent: this },
    );
    const files = args.config !== undefined && Object.keys(args.config).length > 0 ? args.config : undefined;
    const config =
      files &&
      new k8s.core.v1.ConfigMap(
        `${name}-config`,
        { metadata: { name: `${serviceName}-config`, namespace, labels: selector }, data: { ...files } },
        { parent: this },
      );
    const labels = { ...selector, instancetype: args.role };
    const annotations = files && { "quorum.dev/config-hash": pulumi.output(files).apply(contentHash) };
    return new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata: { name: serviceName, namespace, labels },
        spec: {
          replicas: args.replicas ?? 2,
          revisionHistoryLimit: 5,
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          selector: { matchLabels: selector },
          template: {
            metadata: { labels, ...(annotations && { annotations }) },
            spec: podSpec(serviceName, args, account.metadata.name, config?.metadata.name),
          },
        },
      },
      { parent: this },
    );
  }

  private serve({ name, serviceName, selector }: Names, args: WorkloadArgs): k8s.core.v1.Service {
    const { type, ...metadata } = exposure(args.expose);
    const scraped = (args.scrape ?? true) && { apptype: args.type ?? "business" };
    const port = args.expose?.port ?? args.servicePort ?? args.port;
    return new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: {
          ...metadata,
          name: serviceName,
          namespace: args.namespace,
          labels: { ...selector, instancetype: args.role, ...scraped },
        },
        spec: { type, selector, ports: [{ name: "portapi", protocol: "TCP", port, targetPort: "portapi" }] },
      },
      { parent: this },
    );
  }
}

function podSpec(
  serviceName: string,
  args: WorkloadArgs,
  account: pulumi.Output<string>,
  config: pulumi.Output<string> | undefined,
): k8s.types.input.core.v1.PodSpec {
  const env = { PORT: String(args.port), ROLE: args.role, APP_NAME: serviceName, ...args.env };
  const spread = {
    maxSkew: 1,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: { app: serviceName } },
  };
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      ...restrictedPod(),
      ...(args.port < firstUnprivilegedPort && {
        sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: String(args.port) }],
      }),
    },
    terminationGracePeriodSeconds: args.gracePeriodSeconds ?? 30,
    topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
      ...spread,
      topologyKey,
    })),
    containers: [
      {
        name: serviceName,
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
        ports: [{ name: "portapi", containerPort: args.port, protocol: "TCP" }],
        ...probes(args.probes ?? {}),
        lifecycle: { preStop: { sleep: { seconds: drainSeconds } } },
        resources: resources(args.resources ?? {}),
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "tmp", mountPath: "/tmp" },
          ...(config === undefined ? [] : [{ name: "config", mountPath: `/etc/${serviceName}`, readOnly: true }]),
        ],
      },
    ],
    volumes: [
      { name: "tmp", emptyDir: { sizeLimit: "64Mi" } },
      ...(config === undefined ? [] : [{ name: "config", configMap: { name: config } }]),
    ],
  };
}

function probes(
  args: ProbeArgs,
): Pick<k8s.types.input.core.v1.Container, "startupProbe" | "readinessProbe" | "livenessProbe"> {
  const readinessPath = args.readinessPath ?? "/health";
  const periodSeconds = args.periodSeconds ?? 5;
  const timeoutSeconds = args.timeoutSeconds ?? 1;
  const get = (path: string) => ({ httpGet: { path, port: "portapi" }, timeoutSeconds });
  return {
    startupProbe: { ...get(readinessPath), periodSeconds: 1, failureThreshold: args.startupSeconds ?? 60 },
    readinessProbe: { ...get(readinessPath), periodSeconds, failureThreshold: 2 },
    livenessProbe: { ...get(args.livenessPath ?? "/api/job/alive/check"), periodSeconds, failureThreshold: 3 },
  };
}

function resources(args: ResourceArgs): k8s.types.input.core.v1.ResourceRequirements {
  const cpuMillis = args.cpuMillis ?? 100;
  const memory = `${args.memoryMiB ?? 128}Mi`;
  return {
    requests: { cpu: `${cpuMillis}m`, memory, "ephemeral-storage": "64Mi" },
    limits: { cpu: `${Math.max(leastCpuLimitMillis, 2 * cpuMillis)}m`, memory, "ephemeral-storage": "256Mi" },
  };
}
