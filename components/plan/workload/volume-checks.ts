import type { Problem } from "../problems.ts";
import { scaleOf } from "./scaling.ts";
import { type WorkloadSettings, workloadNames } from "./workload.ts";

export interface VolumeSurroundings {
  /** quorum:storage.retain with its default. */
  readonly retain: boolean;
}

/** Everything that is wrong with the volumes of a service. */
export function volumeProblems(name: string, service: WorkloadSettings, surroundings: VolumeSurroundings): Problem[] {
  const volumes = Object.entries(service.volumes ?? {});
  if (volumes.length === 0) return [];
  const key = `quorum:services.${name}`;
  return [
    ...kindProblems(key, service),
    ...retainProblems(key, service, surroundings.retain),
    ...pathProblems(
      name,
      volumes.map(([volume, { mountPath }]) => [volume, mountPath]),
    ),
  ];
}

function kindProblems(key: string, service: WorkloadSettings): Problem[] {
  const { kind = "Deployment", autoscale } = service;
  if (kind === "DaemonSet") {
    return [
      {
        key: `${key}.volumes`,
        text: "is set, but the pods of a DaemonSet would all need the same one; leave it out or set kind: StatefulSet",
      },
    ];
  }
  if (kind === "StatefulSet") return [];
  const fix = "set kind: StatefulSet, whose pods have volumes of their own, or leave it out";
  const shared = "the pods of a Deployment would share its volumes, which one pod at a time can use";
  if (autoscale !== undefined) return [{ key: `${key}.autoscale`, text: `is set, but ${shared}; ${fix}` }];
  const pods = scaleOf(service)?.least ?? 1;
  return pods === 1 ? [] : [{ key: `${key}.replicas`, text: `is ${pods}, but ${shared}; ${fix}` }];
}

/** One policy of a StatefulSet says what becomes of all its claims. */
function retainProblems(key: string, { kind, volumes = {} }: WorkloadSettings, byDefault: boolean): Problem[] {
  if (kind !== "StatefulSet") return [];
  const [first, ...others] = Object.entries(volumes).map(([volume, { retain = byDefault }]) => ({ volume, retain }));
  return others
    .filter(({ retain }) => retain !== first?.retain)
    .map(({ volume, retain }) => ({
      key: `${key}.volumes.${volume}.retain`,
      text: `is ${retain}, but ${first?.volume ?? ""} has ${first?.retain ?? ""}, and the volumes of a StatefulSet all outlive it or none; set the same for each`,
    }));
}

function pathProblems(name: string, volumes: readonly (readonly [string, string])[]): Problem[] {
  const { configPath, secretsPath } = workloadNames(name);
  const taken: [string, string][] = [
    ["/tmp", "/tmp, which is every pod's own"],
    [configPath, `${configPath}, where the files of config are`],
    [secretsPath, `${secretsPath}, where the files of secrets are`],
  ];
  return volumes.flatMap(([volume, mountPath]): Problem[] => {
    const other = taken.find(([path]) => within(mountPath, path) || within(path, mountPath));
    taken.push([mountPath, `${mountPath} of ${volume}`]);
    if (other === undefined) return [];
    return [
      {
        key: `quorum:services.${name}.volumes.${volume}.mountPath`,
        text: `is "${mountPath}", but one of it and ${other[1]} would hide the other; set a folder beside it`,
      },
    ];
  });
}

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
