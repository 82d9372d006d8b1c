import type * as pulumi from "@pulumi/pulumi";
import type { ResourceSettings } from "../plan/workload/resources.ts";
import type { AutoscaleSettings, WorkloadKind } from "../plan/workload/scaling.ts";
import type { PodHost, Spreading } from "../plan/workload/spread.ts";
import type { VolumeSettings } from "../plan/workload/workload.ts";
import type { ExposureArgs } from "../platform/exposure.ts";

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

export interface TolerationArgs {
  readonly key: string;
  /** @default any value */
  readonly value?: string | undefined;
  /** @default every effect */
  readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute" | undefined;
}

export interface PlacementArgs {
  /** Labels that a node must have. @default none */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /** Taints of nodes that it may run on all the same. @default none */
  readonly tolerations?: readonly TolerationArgs[];
  /** @default hard where as many hosts are known as there may be pods, else soft */
  readonly spreadHosts?: Spreading | undefined;
  /** @default hard where two zones or more are known that have room for an even share of the pods, else soft */
  readonly spreadZones?: Spreading | undefined;
}

type Texts = Readonly<Record<string, pulumi.Input<string>>>;

export interface SecretArgs {
  /** Secret environment of the process. Values become secret if they are not. @default none */
  readonly env?: Texts;
  /** Secret files, mounted at /etc/<serviceName>-secrets. @default none */
  readonly files?: Texts;
  /** Environment from Secrets that are there: variable to `<secret>/<key>`. @default none */
  readonly generated?: Readonly<Record<string, string>>;
}

/** What of a service is another in one of its versions. @default for each: as in the service */
export interface VersionArgs {
  readonly image?: pulumi.Input<string> | undefined;
  readonly replicas?: number | undefined;
  readonly autoscale?: AutoscaleSettings | undefined;
  /** Comes over that of the service. */
  readonly env?: Texts;
  readonly resources?: ResourceSettings | undefined;
}

export interface WorkloadArgs {
  readonly namespace: pulumi.Input<string>;
  /** Name of the workload, the Service and all else; a change replaces them. @default the component's name */
  readonly serviceName?: string;
  readonly image: pulumi.Input<string>;
  /** @default Deployment. A change replaces the workload */
  readonly kind?: WorkloadKind;
  /** What the service does: ROLE of the process and label instancetype of the Service. */
  readonly role: string;
  /** Pods. Plain: it decides whether there is a budget. Not for a DaemonSet, nor beside autoscale. @default 2, and 1 for a Deployment with volumes */
  readonly replicas?: number | undefined;
  readonly autoscale?: AutoscaleSettings | undefined;
  /** Order in which a StatefulSet starts and scales. A change replaces it. @default Parallel */
  readonly podManagement?: "Parallel" | "OrderedReady" | undefined;
  /** Port that the container listens on, 1 to 65535. Plain: below 1024 the pod needs leave for it. */
  readonly port: number;
  /** Versions that run side by side behind the one Service, each a Deployment of its own. A change of a name replaces its objects. @default none */
  readonly versions?: Readonly<Record<string, VersionArgs>> | undefined;
  /** Whether each version has a Service of its own too, as routes of the Gateway API need it. @default false */
  readonly versionServices?: boolean;
  /** Whether its pods have a proxy of a mesh beside them, which autoscaling is not to count. @default false */
  readonly besideProxy?: boolean;
  /** What is spoken at the port, for proxies. @default nothing is said */
  readonly protocol?: "http" | "http2" | "grpc" | "tcp" | undefined;
  /** How the Service is reached from outside the cluster; undefined: not at all. */
  readonly expose?: ExposureArgs | undefined;
  /** Port of the Service. @default expose.port, or else port */
  readonly servicePort?: number | undefined;
  /** Whether the Service's name stands for the pods themselves. @default false */
  readonly headless?: boolean;
  /** Seconds for which a client stays with one pod, 1 to 86400. @default each connection for itself */
  readonly affinitySeconds?: number | undefined;
  /** Whether Prometheus scrapes it. @default true */
  readonly scrape?: boolean;
  /** Label apptype of a scraped Service, by which Prometheus chooses. @default business, as in the sample app */
  readonly type?: string;
  /** URL to which the process sends its traces, by OTLP over HTTP; undefined: nowhere. @default undefined */
  readonly tracesEndpoint?: pulumi.Input<string> | undefined;
  /** Secret with the authority, `ca.crt`, by which that URL's certificate is checked. @default those that the image trusts */
  readonly tracesAuthority?: string | undefined;
  /** Further environment of the process. @default none */
  readonly env?: Texts;
  /** Files mounted at /etc/<serviceName>; a change of one rolls the pods out anew. @default none */
  readonly config?: Texts;
  readonly secrets?: SecretArgs;
  /** Folders whose content stays. A StatefulSet has one for each pod. @default none */
  readonly volumes?: Readonly<Record<string, VolumeSettings>>;
  /** StorageClass of volumes that name none. @default the cluster's default class */
  readonly storageClassName?: pulumi.Input<string> | undefined;
  /** Whether volumes that do not say outlive the service. @default true */
  readonly retainVolumes?: boolean;
  readonly resources?: ResourceSettings;
  /** PriorityClass, which must be there. @default the cluster's default one */
  readonly priorityClassName?: pulumi.Input<string> | undefined;
  readonly placement?: PlacementArgs;
  /** Hosts that take pods. Plain: with the number of pods it decides how strictly they are kept apart. @default not known */
  readonly hosts?: readonly PodHost[] | undefined;
  /** Seconds without progress after which the roll-out of a Deployment counts as failed. @default 300 */
  readonly progressSeconds?: number | undefined;
  /** Whether a failed roll-out goes back to the last good one by itself: asks the engine for it by an annotation. @default false */
  readonly rollback?: boolean;
  readonly probes?: ProbeArgs;
  /** Seconds from the order to stop until the process is killed, 10 or more. @default 30 */
  readonly gracePeriodSeconds?: number;
}
