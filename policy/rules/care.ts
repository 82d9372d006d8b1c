import { nextRuns } from "../../components/plan/jobs/schedule.ts";
import { at, finding, listOf, objectsOf, show } from "../objects.ts";
import type { Finding, PolicyFacts, PolicyInput, PolicyResource, Rule } from "../types.ts";

const etcdKey = "quorum:controlPlane.etcd";
/** What a loss may cost at most: changes of one day. */
const maxGapHours = 24;
/** Enough for a schedule of weeks or months to show its gap, and for one of hours to show its day. */
const countedRuns = 60;

export const oddEtcd: Rule = {
  name: "odd-etcd",
  scope: "stack",
  description:
    "etcd has an odd number of voting members: one more than odd adds a member that can fail, and no tolerance.",
  check: ({ facts }) =>
    Object.entries(facts.etcd).flatMap(([cluster, members]) => {
      if (members % 2 === 1) return [];
      const fix = `${members - 1 > 0 ? `${members - 1} or ` : ""}${members + 1}`;
      return [
        key(
          "quorum:controlPlane.hosts",
          `give etcd of ${cluster} ${members} voting members, but an odd number is allowed; make them ${fix}`,
        ),
      ];
    }),
};

export const backups: Rule = {
  name: "backups",
  scope: "stack",
  description: `etcd and volumes of services are backed up every ${maxGapHours} h or more often, encrypted, and restored in a drill.`,
  check: (input) => [...etcdFindings(input.facts), ...volumeFindings(input.facts), ...suspended(input)],
};

function etcdFindings({ etcd, etcdBackup, restoreDrill }: PolicyFacts): Finding[] {
  if (Object.keys(etcd).length === 0) return [];
  const backup = `${etcdKey}.backup`;
  if (etcdBackup === undefined)
    return [key(backup, "is missing, but the etcd of a stack is backed up; give it a store and a recipient")];
  const found = [...staleFindings(backup, etcdBackup)];
  if (!etcdBackup.encrypted)
    found.push(
      key(
        `${backup}.recipients`,
        "is empty, but archives hold every Secret; add a key, npm run backup -- keygen makes one",
      ),
    );
  if (!restoreDrill)
    found.push(
      key(`${etcdKey}.drill.enabled`, "is false, but a backup that was never restored is a hope; set it to true"),
    );
  return found;
}

function volumeFindings({ volumeBackup, servicesWithVolumes }: PolicyFacts): Finding[] {
  if (volumeBackup !== undefined) return staleFindings("quorum:backup", volumeBackup);
  return servicesWithVolumes.map((name) =>
    key(
      `quorum:services.${name}.volumes`,
      "hold data, but quorum:backup is missing; set a repository that is off the cluster",
    ),
  );
}

function staleFindings(place: string, { schedule }: { schedule: string }): Finding[] {
  const hours = Math.round(largestGapHours(schedule));
  if (hours <= maxGapHours) return [];
  const text = `is "${schedule}", which leaves ${hours} h between two runs, but ${maxGapHours} h at most is allowed; run it daily or more often`;
  return [key(`${place}.schedule`, text)];
}

/** As the schedule means it: a run that a clock change leaves out once a year does not make a daily backup another one. */
function largestGapHours(schedule: string): number {
  const runs = nextRuns(schedule, "Etc/UTC", new Date("2026-01-01T00:00:00Z"), countedRuns).map((run) => run.getTime());
  const gaps = runs.slice(1).map((run, index) => run - (runs[index] ?? run));
  return Math.max(0, ...gaps) / 3_600_000;
}

/** CronJobs that take backups: by the label that all of them have, or by their name. */
function suspended(input: PolicyInput): Finding[] {
  return objectsOf(input, "CronJob").flatMap((job) => {
    const about = /(^|-)(backup|restore-drill)(-|$)/.test(job.metadata.name);
    if (!about || at(job, "spec", "suspend") !== true) return [];
    return [finding(job, "spec.suspend", "is true, but backups run; leave it out")];
  });
}

export const protectedData: Rule = {
  name: "protected-data",
  scope: "object",
  description: "Volumes outlive what made them: no mistake in a stack takes data along.",
  check: ({ resources }) => resources.flatMap((resource) => dataFindings(resource)),
};

function dataFindings({ object, kept }: PolicyResource): Finding[] {
  if (object.kind === "StorageClass") {
    const policy = object["reclaimPolicy"] ?? "Delete";
    if (policy === "Retain") return [];
    return [
      finding(
        object,
        "reclaimPolicy",
        `is ${show(policy)}, but a volume outlives its claim; set quorum:storage.retain to true`,
      ),
    ];
  }
  if (object.kind === "StatefulSet" && listOf(at(object, "spec", "volumeClaimTemplates")).length > 0) {
    const policies = ["whenDeleted", "whenScaled"] as const;
    return policies.flatMap((when) => {
      const field = `spec.persistentVolumeClaimRetentionPolicy.${when}`;
      const value = at(object, "spec", "persistentVolumeClaimRetentionPolicy", when) ?? "Retain";
      return value === "Retain"
        ? []
        : [
            finding(
              object,
              field,
              `is ${show(value)}, but claims outlive their pods; set it to Retain or leave it out`,
            ),
          ];
    });
  }
  if (object.kind !== "PersistentVolumeClaim" || kept !== false) return [];
  return [
    finding(
      object,
      "",
      "goes with the stack, but data stays; give it retainOnDelete and protect, as quorum:storage.retain does",
    ),
  ];
}

function key(object: string, text: string): Finding {
  return { object, field: "", text };
}
