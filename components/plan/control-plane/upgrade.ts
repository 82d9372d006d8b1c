import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import type { HostFindings } from "./host-findings.ts";
import type { StepContext } from "./host-steps.ts";
import { standingOf } from "./member-change.ts";
import { type Operation, type OperationOutline, type OperationStep, restarting, unchanged } from "./operation.ts";
import { textOf } from "./upgrade-checks.ts";
import * as scripts from "./upgrade-scripts.ts";
import { compareVersions, minorOf, parseVersion } from "./versions.ts";

/** What an upgrade goes from and to. */
export interface Upgrade {
  readonly to: string;
  /** Of the API server and of etcd; undefined where it is not known. */
  readonly from?: string | undefined;
  readonly etcdFrom?: string | undefined;
  readonly etcdTo?: string | undefined;
}

/** What the hosts say of where an upgrade begins. */
export function upgradeOf(to: string, findings: readonly HostFindings[]): Upgrade {
  const known = (values: readonly (string | undefined)[]) => values.find((value) => value !== undefined);
  const versions = findings.flatMap(({ versions: { apiServer } }) => parseVersion(apiServer ?? "") ?? []);
  const oldest = versions.toSorted(compareVersions)[0];
  return {
    to,
    from: oldest && textOf(oldest),
    etcdFrom: known(findings.map(({ versions: { etcd } }) => etcd)),
    etcdTo: known(findings.map(({ releases }) => releases[to])),
  };
}

/** What a step of an upgrade does, and to which host. */
interface UpgradeStep extends Omit<OperationStep, "script"> {
  readonly does: "save" | "members" | "upgrade" | "drain" | "kubelet" | "ready" | "settle";
  readonly of: PlannedHost;
}

/**
 * Takes a cluster to another release of Kubernetes, and etcd to the version that its kubeadm names: one host after another, hosts
 * of etcd alone before all others, as kubeadm too takes etcd first; then the first one, workers last.
 */
export function upgradeOperation(context: StepContext, upgrade: Upgrade): Operation {
  const { plan } = context;
  const { to } = upgrade;
  const scriptOf: Readonly<Record<UpgradeStep["does"], (host: PlannedHost) => string>> = {
    save: (host) => scripts.saveScript(host, to),
    members: (host) => scripts.membersScript(context, host, to),
    upgrade: (host) => scripts.upgradeScript(context, host, to),
    drain: scripts.drainScript,
    kubelet: (host) => scripts.kubeletScript(host, to),
    ready: (host) => scripts.readyScript(host, to),
    settle: () => scripts.settleScript(plan, to),
  };
  const { steps, ...rest } = upgradeOutline(plan, upgrade);
  return { ...rest, steps: steps.map(({ does, of, ...step }) => ({ ...step, script: scriptOf[does](of) })) };
}

/** The steps of an upgrade without what carries them out: what a change of the stack's file comes to. */
export function upgradeOutline(
  plan: ControlPlanePlan,
  upgrade: Upgrade,
): Omit<OperationOutline, "steps"> & { readonly steps: readonly UpgradeStep[] } {
  const { first } = plan;
  const voters = plan.etcd.filter(({ cluster }) => cluster === "main").length;
  const whole = standingOf(voters, voters);
  const others = plan.hosts.filter(({ schedulable }) => schedulable).length > 1;
  const step = (host: PlannedHost, does: UpgradeStep["does"], what: string, of = host): UpgradeStep => ({
    host: host.name,
    what,
    does,
    of,
    standing:
      (does === "upgrade" || does === "members") && plan.members.includes(of.name)
        ? restarting(whole)
        : unchanged(whole),
  });
  return {
    title: `cluster ${plan.clusterName} goes ${upgrade.from === undefined ? "" : `from Kubernetes ${upgrade.from} `}to ${upgrade.to}${etcdWords(upgrade)}`,
    standing: whole,
    notes: notesOf(plan, upgrade, others),
    steps: [
      step(holderOf(plan), "save", "saves a snapshot of etcd on its disk"),
      ...plan.etcdHosts.flatMap((host) => [
        step(host, "members", "takes its etcd to the new version, one member after the other"),
        step(host, "kubelet", "its kubelet restarts at the new version"),
      ]),
      ...plan.hosts.flatMap((host) => {
        const drained = others && host.schedulable;
        const what =
          host.role === "control-plane"
            ? `kubeadm takes ${plan.etcdMode === "stacked" ? "etcd, " : ""}API server, controller manager and scheduler to the new version${furtherWords(plan, host)}`
            : "kubeadm brings the kubelet's settings to the new version";
        return [
          step(host, "upgrade", what),
          ...(drained ? [step(first, "drain", `drains ${host.name}: its pods go to other hosts`, host)] : []),
          step(host, "kubelet", "its kubelet restarts at the new version"),
          step(
            first,
            "ready",
            `waits until ${host.name} is Ready at the new version${drained ? ", and lets pods on it again" : ""}`,
            host,
          ),
        ];
      }),
      step(first, "settle", `notes that the cluster runs ${upgrade.to}`),
    ],
  };
}

/** The host whose etcd is asked for a snapshot: the first that has a member. */
function holderOf({ first, hosts, etcdHosts, members }: ControlPlanePlan): PlannedHost {
  return [first, ...hosts, ...etcdHosts].find(({ name }) => members.includes(name)) ?? first;
}

/** What of a host follows kubeadm: static pods that it does not know. */
function furtherWords({ etcd, apiServers }: ControlPlanePlan, { name }: PlannedHost): string {
  const made = etcd.some(({ host, madeBy }) => host === name && madeBy === "quorum");
  const several = apiServers.filter(({ host }) => host === name).length > 1;
  const parts = [...(made ? ["the members"] : []), ...(several ? ["the other API servers"] : [])];
  return parts.length === 0 ? "" : `; then ${parts.join(" and ")} that kubeadm does not know, one after the other`;
}

function etcdWords({ etcdFrom, etcdTo }: Upgrade): string {
  const plain = (tag: string) => tag.replace(/-\d+$/, "");
  if (etcdTo === undefined) return ", etcd to the version that kubeadm names";
  return etcdFrom === etcdTo
    ? `, etcd stays at ${plain(etcdTo)}`
    : `, etcd ${etcdFrom === undefined ? "" : `from ${plain(etcdFrom)} `}to ${plain(etcdTo)}`;
}

function notesOf(plan: ControlPlanePlan, { from, to }: Upgrade, drained: boolean): string[] {
  const single = plan.etcd.filter(({ cluster }) => cluster === "main").length === 1;
  const [was, is] = [parseVersion(from ?? ""), parseVersion(to)];
  return [
    ...(single
      ? ["One member: the API does not answer while etcd and the API server restart, for a minute or two; pods run on."]
      : ["One member restarts at a time; the next host waits until all members are well."]),
    ...(drained ? [] : ["No other host takes pods, so none is drained: pods run on while the kubelet restarts."]),
    ...(was !== undefined && is !== undefined && minorOf(was) !== minorOf(is)
      ? [
          "A minor takes no way back but a snapshot of before: look through its release notes for APIs that go (alert DeprecatedApiUsed).",
        ]
      : []),
  ];
}
