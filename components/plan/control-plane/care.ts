import { stringify } from "yaml";
import {
  type Connection,
  type Graph,
  nobody,
  outboundOf,
  type OutboundSettings,
  part,
  type Party,
  tcp,
} from "../connections/parties.ts";
import { maxAgeSeconds } from "../jobs/job-rules.ts";
import { apiInstances, etcdMembers } from "./etcd-members.ts";
import type { KubeadmSettings } from "./hosts.ts";

interface Timed {
  readonly schedule: string;
  readonly timeZone: string;
}

/** An S3-compatible store of archives. Text is `string`, or in a component what stands for a secret one. */
export interface S3Store<Text = string> {
  readonly endpoint: string;
  readonly bucket: string;
  readonly prefix?: string | undefined;
  readonly region: string;
  /** As rclone calls who makes it. */
  readonly provider: string;
  readonly accessKeyId: Text;
  readonly secretAccessKey: Text;
  readonly caCertificate?: string | undefined;
  readonly outbound?: OutboundSettings | undefined;
}

/** Where archives are kept: one of these. */
export interface ArchiveStore<Text = string> {
  readonly folder?: string | undefined;
  readonly nfs?: { readonly server: string; readonly path: string } | undefined;
  readonly claim?: { readonly storageGiB: number; readonly className?: string | undefined } | undefined;
  readonly s3?: S3Store<Text> | undefined;
}

export interface EtcdBackupSettings<Text = string> extends Timed {
  /** age1… public keys; none: archives are not encrypted, which only local hosts may do. */
  readonly recipients: readonly string[];
  readonly store: ArchiveStore<Text>;
  readonly keep: { readonly last: number; readonly days: number };
}

export interface EtcdMaintenanceSettings extends Timed {
  readonly enabled: boolean;
  readonly quotaPercent: number;
  readonly freeMiB: number;
  readonly dryRun: boolean;
}

export interface RestoreDrillSettings extends Timed {
  readonly enabled: boolean;
  readonly memoryMiB: number;
}

/** What is said of etcd's care, under `quorum:controlPlane.etcd`. */
export interface CareSettings<Text = string> {
  readonly backup?: EtcdBackupSettings<Text> | undefined;
  readonly maintenance?: EtcdMaintenanceSettings | undefined;
  readonly drill?: RestoreDrillSettings | undefined;
}

/** What of a configuration says how its etcd is cared for. Another's cluster is its owner's to care for. */
export type CareControlPlane<Text = unknown> =
  { readonly mode: "existing" } | { readonly mode: "kubeadm"; readonly etcd?: CareSettings<Text> | undefined };

/** The jobs of the care: their names are those of their CronJobs, and the label `app` of their pods. */
export const careNames = { backup: "etcd-backup", maintenance: "etcd-maintenance", drill: "restore-drill" } as const;
export type CareTask = keyof typeof careNames;

/** The settings of what is done; undefined for what is not. A drill without a backup has nothing to restore. */
export function careOf<Text>(controlPlane: CareControlPlane<Text>): CareSettings<Text> {
  if (controlPlane.mode === "existing") return {};
  const { backup, maintenance, drill } = controlPlane.etcd ?? {};
  return {
    backup,
    maintenance: maintenance?.enabled === true ? maintenance : undefined,
    drill: backup !== undefined && drill?.enabled === true ? drill : undefined,
  };
}

/** A control plane some of whose care is left out. */
export function withoutCare<ControlPlane extends CareControlPlane>(
  controlPlane: ControlPlane,
  out: { readonly backup?: boolean; readonly maintenance?: boolean },
): ControlPlane {
  if (controlPlane.mode === "existing") return controlPlane;
  const left = {
    ...(out.backup === true && { backup: undefined }),
    ...(out.maintenance === true && { maintenance: undefined }),
  };
  return { ...controlPlane, etcd: { ...controlPlane.etcd, ...left } };
}

/** Where the members of each etcd cluster answer. Events are not backed up: they are gone after an hour anyway. */
export function careEndpoints(settings: KubeadmSettings): { readonly main: string[]; readonly events: string[] } {
  const members = etcdMembers(settings);
  const of = (cluster: "main" | "events") =>
    members.filter((member) => member.cluster === cluster).map(({ clientUrl }) => clientUrl);
  return { main: of("main"), events: of("events") };
}

/** Whose certificates are looked at, and where they are shown. */
export function certificateServers(settings: KubeadmSettings) {
  return [
    ...apiInstances(settings).map(({ address, ports }) => ({
      certificate: "API server",
      host: address,
      port: ports.api,
    })),
    ...etcdMembers(settings).flatMap(({ address, ports }) => [
      { certificate: "etcd server", host: address, port: ports.client },
      { certificate: "etcd peer", host: address, port: ports.peer },
    ]),
  ];
}

/** Disk for a snapshot and for one file or folder as large as it. */
export function workMiB({ etcd: { quotaMiB } }: { readonly etcd: { readonly quotaMiB: number } }): number {
  return 2 * quotaMiB + 512;
}

export const careTimes = {
  backup: { startingDeadlineSeconds: 600, activeDeadlineSeconds: 3600 },
  maintenance: { startingDeadlineSeconds: 600, activeDeadlineSeconds: 3600 },
  drill: { startingDeadlineSeconds: 3600, activeDeadlineSeconds: 3600 },
} as const;

/** What each pod of the care takes. */
export function careResources(
  task: CareTask,
  settings: { readonly etcd: { readonly quotaMiB: number } & CareSettings<unknown> },
) {
  const disk = workMiB(settings);
  switch (task) {
    case "backup":
      return { cpuMillis: 50, memoryMiB: 512, ephemeralMiB: disk };
    case "maintenance":
      return { cpuMillis: 20, memoryMiB: 256, ephemeralMiB: 256 };
    case "drill":
      return { cpuMillis: 50, memoryMiB: settings.etcd.drill?.memoryMiB ?? 1024, ephemeralMiB: disk };
  }
}

/** What the pods of the care take that a configuration has. */
export function careNeeds(controlPlane: CareControlPlane) {
  const care = careOf(controlPlane);
  const settings = controlPlane as unknown as { readonly etcd: { readonly quotaMiB: number } & CareSettings<unknown> };
  return (Object.keys(careNames) as CareTask[])
    .filter((task) => care[task] !== undefined)
    .map((task) => careResources(task, settings));
}

/** Third-party images that the care needs. */
export function careImages(controlPlane: CareControlPlane): string[] {
  const care = careOf(controlPlane);
  if (care.backup === undefined && care.maintenance === undefined) return [];
  return ["node", "etcd", ...(care.backup?.store.s3 === undefined ? [] : ["rclone"])];
}

/** Pods of a task. */
export function careParty(task: CareTask): Party {
  return part("agents", careNames[task]);
}

/** Port of a store's endpoint. */
export function storePort(endpoint: string): number {
  const url = new URL(endpoint);
  return Number(url.port === "" ? (url.protocol === "http:" ? 80 : 443) : url.port);
}

/**
 * Who the care talks to: etcd's members, for the look at their certificates API servers too, and the store. It has the pods' network,
 * not the hosts', so that a policy knows of it.
 */
export function carePart(controlPlane: CareControlPlane): Graph {
  const care = careOf(controlPlane);
  const { backup, maintenance, drill } = care;
  if (controlPlane.mode === "existing" || (backup === undefined && maintenance === undefined)) return nobody;
  const settings = controlPlane as unknown as KubeadmSettings;
  const members = etcdMembers(settings);
  const key = "quorum:controlPlane.etcd";
  const toMembers = (task: CareTask, clusters: readonly string[], ports: readonly ("client" | "peer")[]) =>
    members
      .filter(({ cluster }) => clusters.includes(cluster))
      .flatMap((member) =>
        ports.map((port) => tcp(careParty(task), host(member.address), member.ports[port], `${key}.${task}`)),
      );
  const toStore = (task: CareTask): Connection[] => {
    const s3 = backup?.store.s3;
    if (s3 === undefined) return [];
    const out = s3.outbound ?? { subnet: "0.0.0.0/0", port: storePort(s3.endpoint), protocol: "TCP" };
    return outboundOf(careParty(task), [out], `${key}.backup.store.s3`);
  };
  return {
    parties: (Object.keys(careNames) as CareTask[]).filter((task) => care[task] !== undefined).map(careParty),
    connections: [
      ...(backup === undefined ? [] : [...toMembers("backup", ["main"], ["client"]), ...toStore("backup")]),
      ...(drill === undefined ? [] : toStore("drill")),
      ...(maintenance === undefined
        ? []
        : [
            ...toMembers("maintenance", ["main", "events"], ["client", "peer"]),
            ...apiInstances(settings).map(({ address, ports }) =>
              tcp(careParty("maintenance"), host(address), ports.api, `${key}.maintenance`),
            ),
          ]),
    ],
  };
}

function host(address: string) {
  return { kind: "nodes", addresses: [address] } as const;
}

/** What the alerts of data/rules/etcd-care.yaml are told: what is done, and how old its last success may get. A file of rules. */
export function careRules(controlPlane: CareControlPlane): string {
  const care = careOf(controlPlane);
  const tasks = (Object.keys(careNames) as CareTask[]).flatMap((task) => {
    const timed = care[task];
    return timed === undefined ? [] : [{ task, seconds: maxAgeSeconds({ ...timed, ...careTimes[task] }) }];
  });
  const constant = (record: string, value: number, task: CareTask) => ({
    record,
    expr: `vector(${value})`,
    labels: { task },
  });
  return stringify({
    groups: [
      {
        name: "quorum-etcd-care-configured",
        rules: tasks.flatMap(({ task, seconds }) => [
          constant("quorum:etcd_care_info", 1, task),
          constant("quorum:etcd_care_max_age_seconds", seconds, task),
        ]),
      },
    ],
  });
}

/** What a reviewer should know of how etcd is cared for. */
export function careWarnings(
  controlPlane: CareControlPlane & { readonly local?: boolean },
  watched: boolean,
): string[] {
  if (controlPlane.mode === "existing") return [];
  const { backup, drill } = careOf(controlPlane);
  const key = "quorum:controlPlane.etcd";
  const warnings: string[] = [];
  if (backup === undefined && controlPlane.local !== true)
    warnings.push(
      `${key}.backup is not set: nothing is left of the cluster when its etcd is lost; set recipients and store`,
    );
  if (backup !== undefined && drill === undefined)
    warnings.push(`${key}.drill is off: nobody knows whether its backups can be restored`);
  if (backup !== undefined && !watched)
    warnings.push(
      `${key}.backup is watched by no alert: its figures come by node-exporter and Prometheus, and one of them is off`,
    );
  return warnings;
}
