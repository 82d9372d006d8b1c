import { compareVersions, minorOf, parseVersion } from "./versions.ts";
import { list } from "../problems.ts";

/** An answer of a cluster, or why there is none. */
export type Answer<T> = { readonly value: T } | { readonly reason: string };

/** What a cluster that is not ours was asked; every call only reads. */
export interface ExistingCluster {
  /** Version of the API server, without a `v`. */
  readonly version: Answer<string>;
  readonly nodes: Answer<readonly { readonly name: string; readonly kubelet: string; readonly ready: boolean }[]>;
  /** Pods of etcd, with what their metrics say where those can be read. */
  readonly etcd: Answer<readonly EtcdAnswer[]>;
  /** Checks of `/readyz` that fail. */
  readonly failing: Answer<readonly string[]>;
  /** Certificates by what they are for. Those of kubelets are asked of each node. */
  readonly certificates: readonly { readonly what: string; readonly ends: Answer<Date> }[];
  /** Jobs that back etcd up, each with its last success. */
  readonly backups: Answer<readonly { readonly name: string; readonly last: Date | undefined }[]>;
}

export interface EtcdAnswer {
  readonly pod: string;
  readonly ready: boolean;
  readonly metrics: Answer<{ readonly leader: boolean; readonly bytes: number; readonly quota: number }>;
}

/** One row of the report. */
export interface ExistingRow {
  readonly what: string;
  readonly found: string;
  /** What is wrong with it. */
  readonly warning?: string | undefined;
}

/** Minors by which a kubelet may be older than its API server. @see https://kubernetes.io/releases/version-skew-policy/ */
const oldestKubelet = 3;
const quotaWarning = 0.8;
const daysWarning = 30;
const backupHoursWarning = 48;
const millisPerDay = 86_400_000;

/** What is known of a cluster that is not ours, and what could not be read with the reason. */
export function existingReport(cluster: ExistingCluster, now: Date): ExistingRow[] {
  // Nothing else was asked of an API server that does not answer.
  if ("reason" in cluster.version) return [row("API server", cluster.version, () => ({ found: "" }))];
  return [
    row("API server", cluster.version, (version) => ({ found: version })),
    ...nodeRows(cluster),
    row("readiness", cluster.failing, (failing) =>
      failing.length === 0
        ? { found: "every check of /readyz passes" }
        : { found: `${list(failing)} fail`, warning: "see /readyz?verbose" },
    ),
    ...etcdRows(cluster.etcd),
    ...cluster.certificates.map(({ what, ends }) => row(`certificate: ${what}`, ends, (date) => lifeOf(date, now))),
    row("backups of etcd", cluster.backups, (backups) => backupFound(backups, now)),
  ];
}

function row<T>(what: string, answer: Answer<T>, shown: (value: T) => Omit<ExistingRow, "what">): ExistingRow {
  return "reason" in answer ? { what, found: `not known: ${answer.reason}` } : { what, ...shown(answer.value) };
}

function nodeRows({ nodes, version }: ExistingCluster): ExistingRow[] {
  const server = "value" in version ? parseVersion(plain(version.value)) : undefined;
  return [
    row("nodes", nodes, (all) => {
      const away = all.filter(({ ready }) => !ready).map(({ name }) => name);
      return {
        found: `${all.length}, ${all.length - away.length} Ready`,
        ...(away.length === 0 ? {} : { warning: `not Ready: ${list(away)}` }),
      };
    }),
    row("kubelets", nodes, (all) => {
      const versions = [...new Set(all.map(({ kubelet }) => kubelet))];
      const wrong = all.filter(({ kubelet }) => {
        const own = parseVersion(plain(kubelet));
        return own && server && (compareVersions(own, server) > 0 || server.minor - own.minor > oldestKubelet);
      });
      return {
        found: list(versions),
        ...(wrong.length === 0 || server === undefined
          ? {}
          : {
              warning: `${list(wrong.map(({ name }) => name))}: a kubelet may be no newer than the API server, and up to ${oldestKubelet} minors older than ${minorOf(server)}`,
            }),
      };
    }),
  ];
}

/** A distribution adds a suffix, such as 1.37.2+k3s1 or 1.37.2-gke.100. */
const plain = (version: string) => version.replace(/[-+].*$/, "");

function etcdRows(etcd: ExistingCluster["etcd"]): ExistingRow[] {
  const members = row("etcd members", etcd, (all) => {
    const away = all.filter(({ ready }) => !ready).map(({ pod }) => pod);
    const warning = [
      ...(away.length === 0 ? [] : [`not ready: ${list(away)}`]),
      ...(all.length % 2 === 0 ? [`${all.length} members tolerate no more than ${all.length - 1}`] : []),
    ].join("; ");
    return {
      found: `${all.length}, ${all.length - away.length} ready, ${Math.max(0, Math.ceil(all.length / 2) - 1 - away.length)} may fail`,
      ...(warning === "" ? {} : { warning }),
    };
  });
  if ("reason" in etcd) return [members];
  return [
    members,
    ...etcd.value.map(({ pod, metrics }) =>
      row(`etcd quota: ${pod}`, metrics, ({ leader, bytes, quota }) => {
        const share = bytes / quota;
        const warning = [
          ...(share > quotaWarning ? ["at 100 % etcd refuses writes: compact and defragment, or raise it"] : []),
          ...(leader ? [] : ["it has no leader"]),
        ].join("; ");
        const found = `${Math.round(share * 100)} % of ${Math.round(quota / 1024 ** 2)} MiB used`;
        return warning === "" ? { found } : { found, warning };
      }),
    ),
  ];
}

function lifeOf(ends: Date, now: Date): Omit<ExistingRow, "what"> {
  const days = Math.floor((ends.getTime() - now.getTime()) / millisPerDay);
  const found = days < 0 ? `ended ${-days} days ago` : `${days} days left`;
  return days < daysWarning ? { found, warning: "make it anew (kubeadm certs renew, or its own way)" } : { found };
}

function backupFound(
  backups: readonly { readonly name: string; readonly last: Date | undefined }[],
  now: Date,
): Omit<ExistingRow, "what"> {
  if (backups.length === 0)
    return { found: "none seen", warning: "no CronJob saves etcd; a backup outside of the cluster is not seen here" };
  const hours = backups.map(({ name, last }) => ({
    name,
    hours: last === undefined ? undefined : Math.floor((now.getTime() - last.getTime()) / 3_600_000),
  }));
  const old = hours.filter((one) => one.hours === undefined || one.hours > backupHoursWarning).map(({ name }) => name);
  return {
    found: hours.map((one) => `${one.name}: ${one.hours === undefined ? "never" : `${one.hours} h ago`}`).join(", "),
    ...(old.length === 0 ? {} : { warning: `older than ${backupHoursWarning} h: ${list(old)}` }),
  };
}
