import type { ControlPlanePlan } from "./control-plane.ts";
import { type HostFindings, releaseFolder } from "./host-findings.ts";
import type { KubeadmSettings } from "./hosts.ts";
import { compareVersions, parseVersion, type Version } from "./versions.ts";
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

export const textOf = ({ major, minor, patch }: Version) => `${major}.${minor}.${patch}`;

function memberProblems(plan: ControlPlanePlan, { host, etcd, expired }: HostFindings): Problem[] {
  if (!plan.members.includes(host)) return [];
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
