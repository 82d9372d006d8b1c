import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { etcdModeOf } from "./etcd-members.ts";
import { type HostFindings, releaseFolder } from "./host-findings.ts";
import type { KubeadmSettings } from "./hosts.ts";
import { standingOf } from "./member-change.ts";
import { type Operation, type OperationOutline, type OperationStep, restarting, unchanged } from "./operation.ts";
import * as scripts from "./upgrade-scripts.ts";
import { compareVersions, minorOf, parseVersion, type Version } from "./versions.ts";
import { list, type Problem } from "../problems.ts";

const versionKey = "quorum:controlPlane.kubernetesVersion";
const hostsKey = "quorum:controlPlane.hosts";

/**
 * Why a control plane cannot go from one release to another.
 *
 * @see https://kubernetes.io/releases/version-skew-policy/
 */
export function versionProblems(key: string, from: string, to: string): Problem[] {
  const [was, is] = [parseVersion(from), parseVersion(to)];
  if (is === undefined) return [{ key, text: `is "${to}", but it must be a full version such as 1.37.2; give one` }];
  if (was === undefined) return [];
  if (compareVersions(is, was) < 0) {
    return [
      {
        key,
        text: `is ${to}, but the cluster runs ${from} and no version goes back: objects may be stored in newer forms; set it to ${from} or newer, or restore a snapshot of before with \`npm run control-plane -- recover --from FILE\``,
      },
    ];
  }
  if (is.major !== was.major || is.minor - was.minor > 1) {
    const next = `${was.major}.${was.minor + 1}`;
    return [
      {
        key,
        text: `is ${to}, but the cluster runs ${from} and no minor can be skipped; upgrade to the last patch of ${next} first`,
      },
    ];
  }
  return [];
}

/** Why this control plane cannot be upgraded as asked. */
export function upgradeProblems(
  settings: KubeadmSettings,
  plan: ControlPlanePlan,
  to: string,
  findings: readonly HostFindings[],
): Problem[] {
  if (parseVersion(to) === undefined) return versionProblems("VERSION", to, to);
  if (to !== settings.kubernetesVersion) {
    return [
      {
        key: versionKey,
        text: `is ${settings.kubernetesVersion}, but the upgrade is asked to ${to}; set it to ${to} first, so that the stack's file and its plan (npm run plan -- --base REV) say what the cluster will run`,
      },
    ];
  }
  if (plan.beyondKubeadm.length > 0) {
    return [
      {
        key: hostsKey,
        text: `has ${list(plan.beyondKubeadm)}, whose static pods kubeadm does not upgrade, and upgrade does not either yet; stay at the version, or begin a cluster of the next one beside it`,
      },
    ];
  }
  const unreachable = findings.filter((found) => found.unreachable !== undefined);
  if (unreachable.length > 0) {
    return unreachable.map(({ host, unreachable: reason }) => ({
      key: `${hostsKey}.${host}`,
      text: `cannot be entered (${reason ?? ""}); start it, replace it, or take it out of the stack's file first`,
    }));
  }
  return [
    ...clusterProblems(plan, to, findings),
    ...findings.flatMap((found) => memberProblems(plan, found)),
    ...findings.flatMap((found) => binaryProblems(found, to)),
  ];
}

function clusterProblems(plan: ControlPlanePlan, to: string, findings: readonly HostFindings[]): Problem[] {
  const serving = plan.hosts.filter(({ role }) => role === "control-plane").map(({ name }) => name);
  const running = findings.filter(({ host }) => serving.includes(host));
  const bare = running.filter(({ versions }) => versions.apiServer === undefined).map(({ host }) => host);
  if (bare.length > 0) {
    return [
      {
        key: hostsKey,
        text: `has no API server on ${list(bare)}; let them join with \`npm run up\` at the version before`,
      },
    ];
  }
  const versions = running.flatMap(({ versions: { apiServer } }) => parseVersion(apiServer ?? "") ?? []);
  const [oldest, newest] = [versions.toSorted(compareVersions)[0], versions.toSorted(compareVersions).at(-1)];
  // After a run that was cut off some are at the new version already: the newest tells what may not go back.
  const problems = [oldest, newest].flatMap((version) =>
    version === undefined ? [] : versionProblems(versionKey, textOf(version), to),
  );
  return problems.slice(0, 1);
}

const textOf = ({ major, minor, patch }: Version) => `${major}.${minor}.${patch}`;

function memberProblems(plan: ControlPlanePlan, { host, etcd, expired }: HostFindings): Problem[] {
  if (!plan.members.includes(host) || etcdModeOf(plan.placements) === "external") return [];
  const key = `${hostsKey}.${host}`;
  if (expired) return [{ key, text: "has certificates that have run out; run `npm run control-plane -- renew` first" }];
  if (etcd === "answers") return [];
  return [
    {
      key,
      text: `has a member of etcd that does not answer, and an upgrade stops the others one after another; mend it with \`npm run control-plane -- recover --member ${host}\` first`,
    },
  ];
}

function binaryProblems({ host, versions, releases }: HostFindings, to: string): Problem[] {
  if (releases[to] !== undefined) return [];
  const missing = (["kubeadm", "kubelet"] as const).filter((tool) => versions[tool] !== to);
  if (missing.length === 0) return [];
  const have = missing.map((tool) => `${tool} ${versions[tool] ?? "(none)"}`);
  return [
    {
      key: `${hostsKey}.${host}`,
      text: `has ${list(have)} and no ${to}; put kubeadm, kubelet and kubectl of ${to} into ${releaseFolder(to)} on it, or install the packages of that version (the kubelet goes on with the old one until its turn)`,
    },
  ];
}

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
  readonly does: "save" | "upgrade" | "drain" | "kubelet" | "ready" | "settle";
  readonly of: PlannedHost;
}

/**
 * Takes a cluster to another release of Kubernetes, and etcd to the version that its kubeadm names: one host after another, the
 * first one foremost, workers last.
 */
export function upgradeOperation(settings: KubeadmSettings, plan: ControlPlanePlan, upgrade: Upgrade): Operation {
  const { to } = upgrade;
  const scriptOf: Readonly<Record<UpgradeStep["does"], (host: PlannedHost) => string>> = {
    save: (host) => scripts.saveScript(host, to),
    upgrade: (host) => scripts.upgradeScript(settings, plan, host, to),
    drain: scripts.drainScript,
    kubelet: (host) => scripts.kubeletScript(host, to),
    ready: (host) => scripts.readyScript(host, to),
    settle: () => scripts.settleScript(to),
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
  const whole = standingOf(plan.members.length, plan.members.length);
  const others = plan.hosts.filter(({ schedulable }) => schedulable).length > 1;
  const step = (host: PlannedHost, does: UpgradeStep["does"], what: string, of = host): UpgradeStep => ({
    host: host.name,
    what,
    does,
    of,
    standing: does === "upgrade" && plan.members.includes(of.name) ? restarting(whole) : unchanged(whole),
  });
  return {
    title: `cluster ${plan.clusterName} goes ${upgrade.from === undefined ? "" : `from Kubernetes ${upgrade.from} `}to ${upgrade.to}${etcdWords(upgrade)}`,
    standing: whole,
    notes: notesOf(plan, upgrade, others),
    steps: [
      step(first, "save", "saves a snapshot of etcd on its disk"),
      ...plan.hosts.flatMap((host) => {
        const drained = others && host.schedulable;
        const what =
          host.role === "control-plane"
            ? "kubeadm takes etcd, API server, controller manager and scheduler to the new version"
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

function etcdWords({ etcdFrom, etcdTo }: Upgrade): string {
  const plain = (tag: string) => tag.replace(/-\d+$/, "");
  if (etcdTo === undefined) return ", etcd to the version that kubeadm names";
  return etcdFrom === etcdTo
    ? `, etcd stays at ${plain(etcdTo)}`
    : `, etcd ${etcdFrom === undefined ? "" : `from ${plain(etcdFrom)} `}to ${plain(etcdTo)}`;
}

function notesOf(plan: ControlPlanePlan, { from, to }: Upgrade, drained: boolean): string[] {
  const single = plan.members.length === 1;
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
