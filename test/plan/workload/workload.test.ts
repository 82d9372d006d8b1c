import { describe, expect, it } from "vitest";
import { planWorkload, workloadWarnings, type WorkloadSettings } from "../../../components/plan/workload/workload.ts";
import {
  type CheckedWorkload,
  workloadProblems,
  type WorkloadSurroundings,
} from "../../../components/plan/workload/workload-checks.ts";

const volume = (mountPath: string, more: object = {}) => ({ mountPath, storageGiB: 1, ...more });
const data = { data: volume("/data") };

describe("planWorkload", () => {
  it("keeps two pods, one of which may be away, and replaces them one by one", () => {
    expect(planWorkload({})).toEqual({
      kind: "Deployment",
      scale: { least: 2, most: 2 },
      replicas: 2,
      budget: 1,
      spread: { hosts: "soft", zones: "soft" },
      rollOut: "one-by-one",
    });
  });

  it.each<[string, WorkloadSettings, object]>([
    [
      "leaves the number of pods to an autoscaler",
      { autoscale: { maxReplicas: 4 } },
      { replicas: undefined, budget: 1 },
    ],
    ["guards no single pod", { replicas: 1 }, { replicas: 1, budget: undefined }],
    ["lets go of a volume before the next pod takes it", { volumes: data }, { replicas: 1, rollOut: "replace" }],
    [
      "keeps volumes of a StatefulSet apart",
      { kind: "StatefulSet", volumes: data },
      { replicas: 2, rollOut: "one-by-one" },
    ],
    [
      "leaves a DaemonSet to the nodes",
      { kind: "DaemonSet" },
      { replicas: undefined, budget: undefined, spread: undefined },
    ],
  ])("%s", (_, settings, expected) => expect(planWorkload(settings)).toMatchObject(expected));
});

describe("workloadWarnings", () => {
  it("say why a single pod has no budget, and what to do", () => {
    const services: Record<string, WorkloadSettings> = {
      two: {},
      each: { kind: "DaemonSet" },
      one: { replicas: 1 },
      few: { autoscale: { minReplicas: 1, maxReplicas: 3 } },
      disk: { volumes: data },
    };
    const why =
      "has one pod: no disruption budget guards it, as one would block every drain of its host, so a drain or a lost host interrupts it";
    expect(workloadWarnings(services)).toEqual([
      `quorum:services.one ${why}; set quorum:services.one.replicas to 2`,
      `quorum:services.few ${why}; set quorum:services.few.autoscale.minReplicas to 2`,
      `quorum:services.disk ${why}; make it a StatefulSet with 2 replicas, if the application can share its work`,
    ]);
  });
});

const surroundings: WorkloadSurroundings = {
  hosts: undefined,
  local: false,
  metrics: undefined,
  retain: true,
  generated: {},
};

function problems(service: Partial<CheckedWorkload>, more: Partial<WorkloadSurroundings> = {}): string[] {
  const found = workloadProblems({ shop: { port: 8080, ...service } }, { ...surroundings, ...more });
  return found.map(({ key, text }) => `${key} ${text}`);
}

describe("a service is refused", () => {
  const k = "quorum:services.shop";
  it.each<[string, Partial<CheckedWorkload>, string[], Partial<WorkloadSurroundings>?]>([
    [
      "replicas beside autoscale",
      { replicas: 3, autoscale: { maxReplicas: 4 } },
      [`${k}.replicas is 3, but autoscale decides how many there are; leave it out, and set autoscale.minReplicas`],
    ],
    [
      "a number of pods of a DaemonSet",
      { kind: "DaemonSet", replicas: 3, autoscale: { maxReplicas: 4 } },
      [
        `${k}.replicas is 3, but a DaemonSet has one pod on each node; leave it out`,
        `${k}.autoscale is set, but a DaemonSet has one pod on each node; leave it out`,
      ],
    ],
    [
      "more pods at least than at most",
      { autoscale: { minReplicas: 5, maxReplicas: 4 } },
      [`${k}.autoscale.minReplicas is 5, but maxReplicas is 4; set it to 4 or less, or raise maxReplicas`],
    ],
    [
      "an autoscaler that sees nothing",
      { autoscale: { maxReplicas: 4 } },
      [
        `${k}.autoscale is set, but nothing measures what pods use, as quorum:monitoring.metricsServer.enabled is false; set it to true or leave out autoscale`,
      ],
      { metrics: false },
    ],
    [
      "what only a StatefulSet has",
      { podManagement: "OrderedReady" },
      [
        `${k}.podManagement is "OrderedReady", but only the pods of a StatefulSet have an order; leave it out or set kind: StatefulSet`,
      ],
    ],
    [
      "what only a Deployment has",
      { kind: "StatefulSet", progressSeconds: 90 },
      [
        `${k}.progressSeconds is 90, but Kubernetes keeps no such time for a StatefulSet; leave it out, and give up with --timeout`,
      ],
    ],
    [
      "a headless service with an address",
      { headless: true, expose: { port: 80 }, affinitySeconds: 60 },
      [
        `${k}.headless is true, but expose needs an address and a headless service has no address of its own; leave out one of them`,
        `${k}.affinitySeconds is 60, but a headless service has no address of its own that could keep a client with one pod; leave out one of them`,
      ],
    ],
    [
      "a headless service with a port of its own",
      { headless: true, servicePort: 80 },
      [
        `${k}.servicePort is 80, but a headless service has no address of its own: its name leads to the pods, and their port is 8080; leave it out`,
      ],
    ],
    [
      "a choice of balancers where there is one",
      { expose: { port: 80, loadBalancerClass: "x/y", address: "192.0.2.1" } },
      [
        `${k}.expose.loadBalancerClass is "x/y", but local hosts have one balancer, on this machine's own address; leave it out`,
        `${k}.expose.address is "192.0.2.1", but local hosts have one balancer, on this machine's own address; leave it out`,
      ],
      { local: true },
    ],
    [
      "volumes of a DaemonSet",
      { kind: "DaemonSet", volumes: data },
      [
        `${k}.volumes is set, but the pods of a DaemonSet would all need the same one; leave it out or set kind: StatefulSet`,
      ],
    ],
    [
      "several pods on one volume",
      { replicas: 2, volumes: data },
      [
        `${k}.replicas is 2, but the pods of a Deployment would share its volumes, which one pod at a time can use; set kind: StatefulSet, whose pods have volumes of their own, or leave it out`,
      ],
    ],
    [
      "an autoscaler on one volume",
      { autoscale: { maxReplicas: 3 }, volumes: data },
      [
        `${k}.autoscale is set, but the pods of a Deployment would share its volumes, which one pod at a time can use; set kind: StatefulSet, whose pods have volumes of their own, or leave it out`,
      ],
    ],
    [
      "volumes of a StatefulSet that part ways",
      { kind: "StatefulSet", volumes: { data: volume("/data"), cache: volume("/cache", { retain: false }) } },
      [
        `${k}.volumes.cache.retain is false, but data has true, and the volumes of a StatefulSet all outlive it or none; set the same for each`,
      ],
    ],
    [
      "folders that hide each other",
      {
        volumes: {
          a: volume("/tmp/a"),
          b: volume("/etc"),
          c: volume("/c"),
          d: volume("/c/d"),
          e: volume("/etc/shop-secrets"),
        },
      },
      [
        `${k}.volumes.a.mountPath is "/tmp/a", but one of it and /tmp, which is every pod's own would hide the other; set a folder beside it`,
        `${k}.volumes.b.mountPath is "/etc", but one of it and /etc/shop, where the files of config are would hide the other; set a folder beside it`,
        `${k}.volumes.d.mountPath is "/c/d", but one of it and /c of c would hide the other; set a folder beside it`,
        `${k}.volumes.e.mountPath is "/etc/shop-secrets", but one of it and /etc/shop-secrets, where the files of secrets are would hide the other; set a folder beside it`,
      ],
    ],
    [
      "a limit below what is set aside",
      { resources: { cpuMillis: 200, cpuLimitMillis: 100 } },
      [
        `${k}.resources.cpuLimitMillis is 100, but 200 are set aside by cpuMillis; set it to that or more, or leave it out`,
      ],
    ],
    [
      "pods that cannot be parted",
      { replicas: 3, placement: { spreadHosts: "hard", spreadZones: "hard" } },
      [
        `${k}.placement.spreadHosts is "hard", but 3 pods cannot lie on different hosts, as 2 take pods; set it to soft or lower the number of pods`,
        `${k}.placement.spreadZones is "hard", but all hosts that take pods are in one zone; set it to soft or change quorum:controlPlane.hosts`,
      ],
      { hosts: [{ zone: "a" }, { zone: "a" }] },
    ],
    [
      "zones that nobody named",
      { placement: { spreadZones: "hard" } },
      [
        `${k}.placement.spreadZones is "hard", but not every host that takes pods has a zone; set it to soft or change quorum:controlPlane.hosts`,
      ],
      { hosts: [{ zone: "a" }, {}] },
    ],
    [
      "zones without room",
      { replicas: 4, placement: { spreadHosts: "hard", spreadZones: "hard" } },
      [
        `${k}.placement.spreadZones is "hard", but the zones have no room for an even share of 4 pods on different hosts; set it to soft or change quorum:controlPlane.hosts`,
      ],
      { hosts: [{ zone: "a" }, { zone: "b" }, { zone: "b" }, { zone: "b" }] },
    ],
    [
      "a DaemonSet that is to be spread",
      { kind: "DaemonSet", placement: { spreadHosts: "soft" } },
      [`${k}.placement.spreadHosts is "soft", but a DaemonSet has one pod on each node; leave it out`],
    ],
    [
      "one variable in two places",
      { env: { A: "1" }, secrets: { env: { A: "2", B: "3" }, generated: { B: "db/password" } } },
      [
        `${k}.secrets.env.A is set, but ${k}.env.A is too; leave out one of them`,
        `${k}.secrets.generated.B is set, but ${k}.secrets.env.B is too; leave out one of them`,
      ],
      { generated: { db: { namespace: "apps", keys: ["password"] } } },
    ],
    [
      "a variable that another key sets",
      { env: { PORT: "1" }, secrets: { env: { ROLE: "2" } } },
      [
        `${k}.env.PORT is set, but ${k}.port gives the process its PORT; leave it out and set that`,
        `${k}.secrets.env.ROLE is set, but ${k}.role gives the process its ROLE; leave it out and set that`,
      ],
    ],
    [
      "generated secrets that are not",
      { secrets: { generated: { A: "bd/password", B: "db/user", C: "ui/token", D: "db" } } },
      [
        `${k}.secrets.generated.A is "bd/password", but it must be secret/key of quorum:security.generatedSecrets (db or ui); declare it there or name another as secret/key`,
        `${k}.secrets.generated.B is "db/user", but db has the keys password; name one of them as db/password or add user there`,
        `${k}.secrets.generated.C is "ui/token", but ui is made in the namespace of ui, where pods of services cannot read it; set quorum:security.generatedSecrets.ui.namespace to apps`,
        `${k}.secrets.generated.D is "db", but db has the keys password; name one of them as db/password or add the key there`,
      ],
      { generated: { db: { namespace: "apps", keys: ["password"] }, ui: { namespace: "ui", keys: ["token"] } } },
    ],
    [
      "files past what Kubernetes keeps",
      { config: { "a.txt": "x".repeat(1_000_000) } },
      [
        `${k}.config has 1000005 bytes, but Kubernetes keeps at most 1000000 together; put large files into the image or on a volume`,
      ],
    ],
  ])("%s", (_, service, expected, more) => expect(problems(service, more)).toEqual(expected));

  it("when its objects would be another's", () => {
    const plain = { port: 80 };
    const services: Record<string, CheckedWorkload> = {
      db: { ...plain, kind: "StatefulSet", secrets: { env: { A: "1" } } },
      "db-peers": plain,
      a: { ...plain, volumes: { "b-c": volume("/x") } },
      "a-b": { ...plain, volumes: { c: volume("/x") } },
    };
    const generated = { "db-env": { namespace: "apps", keys: ["password"] } };
    expect(workloadProblems(services, { ...surroundings, generated }).map(({ key, text }) => `${key} ${text}`)).toEqual(
      [
        "quorum:services.db is a name that is not allowed: its Service db-peers is that of quorum:services.db-peers too; give one of them another name",
        "quorum:services.db is a name that is not allowed: its Secret db-env is that of quorum:security.generatedSecrets.db-env too; give one of them another name",
        "quorum:services.a-b is a name that is not allowed: its PersistentVolumeClaim a-b-c is that of quorum:services.a too; give one of them another name",
      ],
    );
  });
});

it("takes a service of every kind", () => {
  expect(problems({ kind: "StatefulSet", replicas: 3, volumes: data, podManagement: "Parallel" })).toEqual([]);
  expect(problems({ kind: "DaemonSet", placement: { tolerations: [{}] } })).toEqual([]);
  expect(problems({ autoscale: { minReplicas: 1, maxReplicas: 4 }, placement: { spreadHosts: "hard" } })).toEqual([]);
  expect(problems({ volumes: data, replicas: 1 }, { local: true })).toEqual([]);
});
