import { describe, expect, it } from "vitest";
import { imageCatalog } from "../../config/parse.ts";
import { imageReference } from "../../components/plan/images/images.ts";
import { ruleNames } from "../../policy/rule-names.ts";
import { rules } from "../../policy/rules.ts";
import type { PolicyFacts, PolicyObject, PolicyResource } from "../../policy/types.ts";
import { container, deployment, digest, facts, object, workload } from "./objects.ts";

interface Case {
  readonly rule: (typeof ruleNames)[number];
  readonly pass: readonly (PolicyObject | PolicyResource)[][];
  /** Objects, and what the one finding says: its object, field and text together. */
  readonly violate: readonly [what: string, objects: readonly (PolicyObject | PolicyResource)[], says: RegExp][];
}

const policy = (egress: unknown, rest = {}) =>
  object("NetworkPolicy", "part-web", { spec: { podSelector: { matchLabels: { app: "web" } }, egress, ...rest } });
const deny = object("NetworkPolicy", "default-deny", { spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } });
const namespace = (level: string | undefined) => ({
  ...object("Namespace", "apps", {}, ""),
  metadata: { name: "apps", labels: level === undefined ? {} : { "pod-security.kubernetes.io/enforce": level } },
});
const budget = (spec: object, name = "web") =>
  object("PodDisruptionBudget", name, { spec: { selector: { matchLabels: { app: "web" } }, ...spec } });
const two = deployment({}, { replicas: 2 });
const route = (given: unknown[]) =>
  object("VirtualService", "web", { spec: { http: [{ route: given.map((weight) => ({ weight })) }] } });
const entry = (spec: object) =>
  object("ServiceEntry", "msgd", {
    spec: { hosts: ["msgd.example.com"], ports: [{ number: 9997 }], exportTo: ["."], ...spec },
  });
const role = (rule: object) => object("Role", "web", { rules: [rule] });
const env = (name: string, value: unknown) => deployment({ env: [{ name, ...(value as object) }] });
const security = (changes: object) =>
  deployment({ securityContext: { ...(container()["securityContext"] as object), ...changes } });
const node = imageReference(imageCatalog(), "node");

const cases: readonly Case[] = [
  {
    rule: "pinned-images",
    pass: [[deployment()], [deployment({ image: node })], [deployment({ image: Symbol("later") })]],
    violate: [
      [
        "a moving tag",
        [deployment({ image: "registry.example.com/app:latest" })],
        /web\.image is "registry\.example\.com\/app:latest".*add the digest/,
      ],
      [
        "another tag than the catalogue's",
        [deployment({ image: node.replace(/:[^:]*$/, ":99") })],
        /:99", but .*data\/images\.yaml/,
      ],
      ["no image", [deployment({ image: undefined })], /is "", but/],
      [
        "an init container",
        [
          deployment({}, {}, "web", {
            initContainers: [container({ name: "seed", image: "registry.example.com/seed:1" })],
          }),
        ],
        /initContainers\.seed\.image/,
      ],
    ],
  },
  {
    rule: "trusted-registries",
    pass: [[deployment()], [deployment({ image: node })]],
    violate: [
      [
        "another registry",
        [deployment({ image: `docker.io/evil/app${digest}` })],
        /docker\.io\/evil.*registry\.example\.com or docker\.io\/library\/node; copy it/,
      ],
      [
        "a name that only begins alike",
        [deployment({ image: `registry.example.com.evil.org/app${digest}` })],
        /evil\.org/,
      ],
      [
        "a CronJob's",
        [
          object("CronJob", "nightly", {
            spec: {
              jobTemplate: { spec: { template: { spec: { containers: [{ name: "x", image: "quay.io/x/y:1" }] } } } },
            },
          }),
        ],
        /CronJob apps\/nightly spec\.jobTemplate\.spec\.template\.spec\.containers\.x\.image is "quay/,
      ],
    ],
  },
  {
    rule: "resources",
    pass: [[deployment()], [object("ConfigMap", "none")]],
    violate: [
      [
        "no limit of memory",
        [deployment({ resources: { requests: { cpu: "1", memory: "1Gi" } } })],
        /resources\.limits\.memory is missing.*set it/,
      ],
      [
        "no request of cpu",
        [deployment({ resources: { requests: { memory: "1Gi" }, limits: { memory: "1Gi" } } })],
        /resources\.requests\.cpu is missing/,
      ],
    ],
  },
  {
    rule: "probes",
    pass: [[deployment()], [object("Job", "once", { spec: { template: { spec: { containers: [{ name: "x" }] } } } })]],
    violate: [
      ["no liveness", [deployment({ livenessProbe: undefined })], /web\.livenessProbe is missing.*add one/],
      [
        "no readiness of a DaemonSet",
        [workload("DaemonSet", { readinessProbe: undefined })],
        /DaemonSet apps\/web .*readinessProbe is missing/,
      ],
      [
        "a sidecar without a liveness",
        [
          deployment({}, {}, "web", {
            initContainers: [container({ name: "side", restartPolicy: "Always", livenessProbe: undefined })],
          }),
        ],
        /side\.livenessProbe/,
      ],
    ],
  },
  {
    rule: "restricted-security",
    pass: [[deployment(), namespace("restricted")]],
    violate: [
      ["root", [security({ runAsNonRoot: false })], /runAsNonRoot is not true.*set it/],
      ["user 0", [security({ runAsUser: 0 })], /runAsUser is 0/],
      ["privileged", [security({ privileged: true })], /privileged is true/],
      [
        "escalation",
        [security({ allowPrivilegeEscalation: undefined })],
        /allowPrivilegeEscalation is missing, but must be false/,
      ],
      ["capabilities kept", [security({ capabilities: {} })], /capabilities\.drop lacks ALL/],
      [
        "a capability added",
        [security({ capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] } })],
        /capabilities\.add is \["NET_ADMIN"\]/,
      ],
      ["no seccomp", [security({ seccompProfile: undefined })], /seccompProfile\.type is missing/],
      ["the host's network", [deployment({}, {}, "web", { hostNetwork: true })], /hostNetwork is true/],
      [
        "the host's files",
        [deployment({}, {}, "web", { volumes: [{ name: "root", hostPath: { path: "/" } }] })],
        /volumes\.root is a hostPath volume/,
      ],
      ["a privileged namespace", [namespace("privileged")], /enforce"\] is "privileged"/],
      ["a namespace that enforces nothing", [namespace(undefined)], /is missing, but a namespace enforces restricted/],
    ],
  },
  {
    rule: "no-wildcard-access",
    pass: [
      [role({ apiGroups: [""], resources: ["pods"], verbs: ["get"] })],
      [object("RoleBinding", "b", { roleRef: { name: "view" } })],
    ],
    violate: [
      [
        "every verb",
        [role({ apiGroups: [""], resources: ["pods"], verbs: ["*"] })],
        /rules\.0\.verbs is \["\*"\].*name those/,
      ],
      ["every resource", [role({ apiGroups: [""], resources: ["*"], verbs: ["get"] })], /rules\.0\.resources/],
      [
        "a verb that makes rights",
        [role({ apiGroups: [""], resources: ["users"], verbs: ["impersonate"] })],
        /has \["impersonate"\]/,
      ],
      [
        "cluster-admin",
        [object("ClusterRoleBinding", "b", { roleRef: { name: "cluster-admin" } }, "")],
        /roleRef\.name is cluster-admin/,
      ],
    ],
  },
  {
    rule: "no-plain-secrets",
    pass: [
      [env("DB_PASSWORD", { valueFrom: { secretKeyRef: { name: "db", key: "password" } } })],
      [env("DB_PASSWORD_FILE", { value: "/run/secrets/db" })],
      [env("DB_PASSWORD", { value: "/run/secrets/db" })],
      [object("ConfigMap", "c", { data: { "app.yaml": "url: https://user@example.com/?a=b:c" } })],
      [object("Secret", "s", { data: { password: "aHVudGVyMg==" } })],
    ],
    violate: [
      [
        "a password in the environment",
        [env("DB_PASSWORD", { value: "hunter2" })],
        /env\.DB_PASSWORD holds a secret by its name.*secretKeyRef/,
      ],
      [
        "a URL with a password",
        [env("DB_URL", { value: "postgres://shop:hunter2@db/shop" })],
        /holds a password in a URL/,
      ],
      [
        "a key in a ConfigMap",
        [object("ConfigMap", "c", { data: { "tls.key": "-----BEGIN EC PRIVATE KEY-----\nabc" } })],
        /data\["tls\.key"\] holds a private key.*put it into a Secret/,
      ],
      [
        "a token as an argument",
        [deployment({ args: [`--token=ghp_${"a".repeat(36)}`] })],
        /web\.args holds a token of GitHub/,
      ],
    ],
  },
  {
    rule: "budgets",
    pass: [[deployment()], [two, budget({ maxUnavailable: 1 })], [two, budget({ minAvailable: "50%" })]],
    violate: [
      ["two replicas alone", [two], /spec\.replicas is 2.*add one with maxUnavailable 1/],
      [
        "an autoscaler's least",
        [
          deployment({}, { replicas: undefined }),
          object("HorizontalPodAutoscaler", "web", {
            spec: { minReplicas: 2, scaleTargetRef: { kind: "Deployment", name: "web" } },
          }),
        ],
        /is 2, but no/,
      ],
      [
        "a budget of others",
        [two, object("PodDisruptionBudget", "o", { spec: { selector: { matchLabels: { app: "other" } } } })],
        /no PodDisruptionBudget/,
      ],
      [
        "two budgets",
        [two, budget({ maxUnavailable: 1 }), budget({ maxUnavailable: 1 }, "again")],
        /2 PodDisruptionBudgets.*leave one/,
      ],
      [
        "a budget that stops every drain",
        [two, budget({ minAvailable: 2 })],
        /minAvailable is 2 for 2 replicas: no node could be drained/,
      ],
      ["a budget that lets all go", [two, budget({ maxUnavailable: "100%" })], /all pods at once/],
    ],
  },
  {
    rule: "weights",
    pass: [
      [route([75, 25])],
      [route([undefined])],
      [route([100])],
      [object("HTTPRoute", "w", { spec: { rules: [{ backendRefs: [{ weight: 1 }, { weight: 99 }] }] } })],
    ],
    violate: [
      ["too little", [route([50, 40])], /route has weights 50, 40, which total 90/],
      ["parts of one percent", [route([50.5, 49.5])], /50\.5, 49\.5/],
      ["one of them missing", [route([60, undefined])], /60, missing, which total 60/],
      ["less than nothing", [route([120, -20])], /120, -20/],
    ],
  },
  {
    rule: "default-deny",
    pass: [[namespace("restricted"), deployment(), deny], [namespace("restricted")]],
    violate: [
      ["no policy", [namespace("restricted"), deployment()], /Namespace apps has pods, but no NetworkPolicy/],
      [
        "one for ingress alone",
        [
          namespace("restricted"),
          deployment(),
          object("NetworkPolicy", "d", { spec: { podSelector: {}, policyTypes: ["Ingress"] } }),
        ],
        /no NetworkPolicy/,
      ],
      [
        "one for some pods",
        [namespace("restricted"), deployment(), policy([], { policyTypes: ["Egress"] })],
        /no NetworkPolicy/,
      ],
    ],
  },
  {
    rule: "closed-egress",
    pass: [
      [policy([{ to: [{ ipBlock: { cidr: "198.51.100.0/24" } }] }])],
      [policy([{ to: [{ podSelector: {} }] }])],
      [entry({ addresses: ["198.51.100.7"] })],
      [object("Sidecar", "s", { spec: { outboundTrafficPolicy: { mode: "REGISTRY_ONLY" } } })],
    ],
    violate: [
      [
        "everywhere",
        [policy([{ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }] }])],
        /egress\.0\.to is "0\.0\.0\.0\/0".*name the ranges/,
      ],
      ["everywhere of IPv6", [policy([{ to: [{ ipBlock: { cidr: "::/0" } }] }])], /"::\/0"/],
      [
        "everywhere in two halves",
        [policy([{ to: [{ ipBlock: { cidr: "0.0.0.0/1" } }, { ipBlock: { cidr: "10.0.0.0/8" } }] }])],
        /0\.0\.0\.0\/1/,
      ],
      ["no peers", [policy([{ ports: [{ port: 443 }] }])], /to is empty, which is everywhere/],
      ["every host", [entry({ hosts: ["*.com"] })], /has "\*\.com"/],
      ["a wide range", [entry({ addresses: ["0.0.0.0/0"] })], /spec\.addresses has "0\.0\.0\.0\/0"/],
      ["every port", [entry({ ports: [] })], /spec\.ports is empty/],
      ["for every namespace", [entry({ exportTo: undefined })], /spec\.exportTo is missing/],
      [
        "a sidecar that lets all out",
        [object("Sidecar", "s", { spec: { outboundTrafficPolicy: { mode: "ALLOW_ANY" } } })],
        /REGISTRY_ONLY/,
      ],
    ],
  },
  {
    rule: "protected-data",
    pass: [
      [object("StorageClass", "c", { reclaimPolicy: "Retain" }, "")],
      [
        workload(
          "StatefulSet",
          {},
          { volumeClaimTemplates: [{}], persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain" } },
        ),
      ],
      [workload("StatefulSet", {}, { persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" } })],
      [{ object: object("PersistentVolumeClaim", "data"), kept: true }],
    ],
    violate: [
      [
        "a class that deletes",
        [object("StorageClass", "c", {}, "")],
        /StorageClass c reclaimPolicy is "Delete".*storage\.retain/,
      ],
      [
        "claims that go with their set",
        [
          workload(
            "StatefulSet",
            {},
            { volumeClaimTemplates: [{}], persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" } },
          ),
        ],
        /whenDeleted is "Delete"/,
      ],
      [
        "a claim that goes with the stack",
        [{ object: object("PersistentVolumeClaim", "data"), kept: false }],
        /goes with the stack/,
      ],
    ],
  },
  {
    rule: "backups",
    pass: [[], [object("CronJob", "etcd-backup", { spec: {} })]],
    violate: [
      [
        "one that is suspended",
        [object("CronJob", "etcd-backup", { spec: { suspend: true } })],
        /spec\.suspend is true, but backups run/,
      ],
    ],
  },
  { rule: "odd-etcd", pass: [[]], violate: [] },
];

function findings(name: string, objects: readonly (PolicyObject | PolicyResource)[], of: Partial<PolicyFacts> = {}) {
  const rule = rules.find((one) => one.name === name);
  const resources = objects.map((one) => ("object" in one ? (one as PolicyResource) : { object: one }));
  return (rule?.check({ facts: { ...facts, ...of }, resources }) ?? []).map((one) =>
    [one.object, one.field, one.text].filter((part) => part !== "").join(" "),
  );
}

it("every rule has cases, and a name that a stack's file may say", () => {
  expect(rules.map(({ name }) => name)).toEqual([...ruleNames]);
  expect(cases.map(({ rule }) => rule).sort()).toEqual([...ruleNames].sort());
});

describe.each(cases)("$rule", ({ rule, pass, violate }) => {
  it.each(pass.map((objects, index) => [index + 1, objects] as const))("lets case %i pass", (_, objects) => {
    expect(findings(rule, objects)).toEqual([]);
  });

  it.each(violate)("finds %s", (_, objects, says) => {
    const found = findings(rule, objects);
    expect(found).toEqual([expect.stringMatching(says)]);
    // What is wrong, then the fix.
    expect(found[0]).toMatch(/(, but |: |which |holds ).*; /s);
  });
});

describe("odd-etcd", () => {
  it.each([1, 3, 5, 7])("lets %i members pass", (members) => {
    expect(findings("odd-etcd", [], { etcd: { "all objects": members } })).toEqual([]);
  });

  it("finds an even number, of each cluster", () => {
    expect(findings("odd-etcd", [], { etcd: { "all objects": 4, events: 2 } })).toEqual([
      "quorum:controlPlane.hosts give etcd of all objects 4 voting members, but an odd number is allowed; make them 3 or 5",
      "quorum:controlPlane.hosts give etcd of events 2 voting members, but an odd number is allowed; make them 1 or 3",
    ]);
  });
});

describe("backups", () => {
  const etcdBackup = { schedule: "17 * * * *", timeZone: "Etc/UTC", encrypted: true };
  it.each<[string, Partial<PolicyFacts>, RegExp]>([
    ["none of etcd", { etcdBackup: undefined }, /etcd\.backup is missing.*; give it/],
    ["archives that anybody reads", { etcdBackup: { ...etcdBackup, encrypted: false } }, /recipients is empty/],
    ["no drill", { restoreDrill: false }, /drill\.enabled is false/],
    [
      "a weekly one",
      { etcdBackup: { ...etcdBackup, schedule: "17 2 * * 0" } },
      /backup\.schedule is "17 2 \* \* 0", which leaves 168 h/,
    ],
    ["none of volumes", { volumeBackup: undefined }, /quorum:services\.shop\.volumes hold data/],
    [
      "a monthly one of volumes",
      { volumeBackup: { schedule: "@monthly", timeZone: "Etc/UTC" } },
      /quorum:backup\.schedule is "@monthly"/,
    ],
  ])("finds %s", (_, of, says) => {
    expect(findings("backups", [], of)).toEqual([expect.stringMatching(says)]);
  });

  it("asks nothing of another's cluster without data", () => {
    const of = {
      etcd: {},
      etcdBackup: undefined,
      restoreDrill: false,
      volumeBackup: undefined,
      servicesWithVolumes: [],
    };
    expect(findings("backups", [], of)).toEqual([]);
  });

  it("lets a daily one pass where a clock change makes a day of 25 h", () => {
    const daily = { ...etcdBackup, schedule: "17 2 * * *", timeZone: "Europe/Berlin" };
    expect(findings("backups", [], { etcdBackup: daily })).toEqual([]);
  });
});

it("never shows a secret", () => {
  const told = [
    ...findings("no-plain-secrets", [env("DB_PASSWORD", { value: "hunter2" })]),
    ...findings("no-plain-secrets", [env("DB_URL", { value: "postgres://shop:hunter2@db/shop" })]),
  ];
  expect(told).toHaveLength(2);
  expect(told.join()).not.toContain("hunter2");
});
