import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { careNames, type CareTask, careTimes } from "../plan/control-plane/care.ts";
import { figuresFolder } from "../plan/monitoring/node-exporter.ts";
import { containerResources } from "../platform/container-resources.ts";
import { restrictedContainer } from "../platform/restricted.ts";

type PodSpec = k8s.types.input.core.v1.PodSpec;
type Volume = k8s.types.input.core.v1.Volume;
type VolumeMount = k8s.types.input.core.v1.VolumeMount;
type EnvVar = k8s.types.input.core.v1.EnvVar;

/** What the three jobs of etcd's care have in common. */
export interface CareJobArgs {
  /** A namespace whose Pod Security level is `privileged`: its pods read files of the host. */
  readonly namespace: pulumi.Input<string>;
  /** Image with Node 24.2 or newer, tar among its programs. */
  readonly image: pulumi.Input<string>;
  /** Image of etcd, with etcdctl and etcdutl of the members' own version. */
  readonly etcdImage: pulumi.Input<string>;
  /** Five cron fields. */
  readonly schedule: string;
  readonly timeZone: string;
  /** Control-plane hosts, by their names, the one that it runs on first where it can. */
  readonly hosts: readonly string[];
  readonly priorityClassName?: pulumi.Input<string> | undefined;
}

/** What one of them is. */
export interface CareJob {
  readonly task: CareTask;
  /** Files of ./care, the one to run first. */
  readonly files: readonly string[];
  /** Told to the program. */
  readonly settings: object;
  readonly resources: { readonly cpuMillis: number; readonly memoryMiB: number; readonly ephemeralMiB: number };
  readonly env?: readonly EnvVar[];
  readonly volumes?: readonly Volume[];
  readonly mounts?: readonly VolumeMount[];
  readonly initContainers?: readonly k8s.types.input.core.v1.Container[];
}

/** Where the program finds what it is given. */
export const carePaths = {
  programs: "/opt/etcd-care",
  work: "/work",
  state: "/state",
  metrics: "/metrics",
  store: "/store",
  etc: "/host",
} as const;

/** Folder on a control-plane host for what one run leaves to the next. */
export const careFolder = "/var/lib/quorum/etcd-care";
/** Above it begin the ports that need no right of their own. */
const idlePort = 23_799;

/** A CronJob of etcd's care, with its ServiceAccount and its program. */
export function careJob(name: string, args: CareJobArgs, job: CareJob, parent: pulumi.Resource): k8s.batch.v1.CronJob {
  const jobName = careNames[job.task];
  const labels = { app: jobName, "quorum.dev/job": jobName };
  const metadata = { name: jobName, namespace: args.namespace, labels };
  const account = new k8s.core.v1.ServiceAccount(
    `${name}-account`,
    { metadata, automountServiceAccountToken: false },
    { parent },
  );
  const program = new k8s.core.v1.ConfigMap(
    `${name}-program`,
    { metadata, data: Object.fromEntries(job.files.map((file) => [file, textOf(file)])) },
    { parent },
  );
  const spec = podSpec(args, job, { account: account.metadata.name, program: program.metadata.name });
  return new k8s.batch.v1.CronJob(
    `${name}-cronjob`,
    {
      metadata,
      spec: {
        schedule: args.schedule,
        timeZone: args.timeZone,
        concurrencyPolicy: "Forbid",
        startingDeadlineSeconds: careTimes[job.task].startingDeadlineSeconds,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 3,
        jobTemplate: {
          metadata: { labels },
          spec: {
            backoffLimit: 1,
            activeDeadlineSeconds: careTimes[job.task].activeDeadlineSeconds,
            podFailurePolicy: {
              rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }],
            },
            template: { metadata: { labels }, spec },
          },
        },
      },
    },
    { parent },
  );
}

function textOf(file: string): string {
  return readFileSync(join(import.meta.dirname, "care", file), "utf8");
}

interface Parts {
  readonly account: pulumi.Output<string>;
  readonly program: pulumi.Output<string>;
}

/**
 * It is root's user, because what it reads belongs to root and nobody else may read it; of root's rights it has no other. It has the
 * pods' network, no token, and of the host's folders those that its task needs.
 */
function podSpec(args: CareJobArgs, job: CareJob, { account, program }: Parts): PodSpec {
  const { priorityClassName } = args;
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    restartPolicy: "Never",
    nodeSelector: { "node-role.kubernetes.io/control-plane": "" },
    tolerations: [{ key: "node-role.kubernetes.io/control-plane", operator: "Exists", effect: "NoSchedule" }],
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferences(args.hosts) } },
    securityContext: { runAsUser: 0, runAsGroup: 0, seccompProfile: { type: "RuntimeDefault" } },
    // By this the program reaches the files of the container that has etcd's.
    shareProcessNamespace: true,
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    initContainers: [...(job.initContainers ?? []), tools(args)],
    containers: [
      {
        name: careNames[job.task],
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        command: ["node", `${carePaths.programs}/${job.files[0] ?? ""}`],
        env: [
          { name: "SETTINGS", value: JSON.stringify(job.settings) },
          { name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
          { name: "HOME", value: carePaths.work },
          { name: "TMPDIR", value: carePaths.work },
          ...(job.env ?? []),
        ],
        terminationMessagePolicy: "FallbackToLogsOnError",
        resources: containerResources(job.resources),
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "program", mountPath: carePaths.programs, readOnly: true },
          { name: "work", mountPath: carePaths.work },
          { name: "state", mountPath: carePaths.state },
          { name: "metrics", mountPath: carePaths.metrics },
          ...(job.mounts ?? []),
        ],
      },
    ],
    volumes: [
      { name: "program", configMap: { name: program } },
      { name: "work", emptyDir: { sizeLimit: `${job.resources.ephemeralMiB}Mi` } },
      { name: "state", hostPath: { path: careFolder, type: "DirectoryOrCreate" } },
      { name: "metrics", hostPath: { path: figuresFolder, type: "DirectoryOrCreate" } },
      ...(job.volumes ?? []),
    ],
  };
}

/** One host for all tasks while it is there: the drill finds there what the backup left to it. */
function preferences(hosts: readonly string[]) {
  return hosts.slice(0, 10).map((host, index) => ({
    weight: Math.max(1, 100 - 30 * index),
    preference: { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [host] }] },
  }));
}

/**
 * The image of etcd has neither a shell nor a cp to hand its programs over with. So it runs one of them that does nothing (a proxy to
 * nowhere, on loopback), and the container beside it takes them from its files; it ends with the pod.
 */
function tools({ etcdImage }: CareJobArgs): k8s.types.input.core.v1.Container {
  return {
    name: "tools",
    image: etcdImage,
    imagePullPolicy: "IfNotPresent",
    restartPolicy: "Always",
    command: [
      "/usr/local/bin/etcd",
      "gateway",
      "start",
      `--listen-addr=127.0.0.1:${idlePort}`,
      `--endpoints=127.0.0.1:${idlePort - 1}`,
    ],
    resources: {
      requests: { cpu: "5m", memory: "64Mi", "ephemeral-storage": "16Mi" },
      limits: { cpu: "100m", memory: "64Mi", "ephemeral-storage": "32Mi" },
    },
    securityContext: restrictedContainer,
  };
}
