import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../config/parse.ts";
import { identityOf, keyOf, type KubeObject } from "../../engine/direct/objects.ts";
import { buildFacts } from "../../engine/rendered-diff/build-facts.ts";
import { compareRenders } from "../../engine/rendered-diff/compare.ts";
import { controlPlaneReport } from "../../engine/rendered-diff/control-plane-report.ts";
import { code, commentLimit, type DiffReport, diffMarkdown, plain } from "../../engine/rendered-diff/markdown.ts";
import { emptyRender, type Rendered } from "../../engine/rendered-diff/rendered.ts";
import { alertFacts, imageFacts, policyFacts, routeFacts } from "../../engine/rendered-diff/topics.ts";
import { stackSections } from "../stacks.ts";

type Fields = Record<string, unknown>;

function object(
  apiVersion: string,
  kind: string,
  name: string,
  fields: Fields = {},
  labels?: Record<string, string>,
): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: "apps", ...(labels && { labels }) }, ...fields };
}

function render(objects: readonly KubeObject[], kept: readonly KubeObject[] = []): Rendered {
  const key = (each: KubeObject) => keyOf(identityOf(each));
  return { objects: new Map(objects.map((each) => [key(each), each])), kept: new Set(kept.map(key)) };
}

function reportOf(before: Rendered, after: Rendered, more: Partial<DiffReport> = {}): DiffReport {
  const changes = compareRenders(before, after);
  return {
    stack: "prod",
    base: "main (1a2b3c4d5e)",
    head: "6f7a8b9c0d",
    changes,
    images: imageFacts(before, after),
    routes: routeFacts(before, after),
    policies: policyFacts(changes),
    alerts: alertFacts(before, after),
    controlPlane: { summary: undefined, problems: [] },
    notes: [],
    ...more,
  };
}

const markdown = (before: readonly KubeObject[], after: readonly KubeObject[], more: Partial<DiffReport> = {}) =>
  diffMarkdown(reportOf(render(before), render(after), more));

const safe = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  seccompProfile: { type: "RuntimeDefault" },
  capabilities: { drop: ["ALL"] },
};
const pod = (image: string, env: readonly object[] = [], security: object = safe) => ({
  automountServiceAccountToken: false,
  containers: [{ name: "shop", image, env, securityContext: security }],
});
const deployment = (name: string, spec: Fields = {}, image = "registry.example.com/shop:v1") =>
  object("apps/v1", "Deployment", name, {
    spec: { replicas: 2, selector: { matchLabels: { app: name } }, template: { spec: pod(image) }, ...spec },
  });
const store = (gib: number, policy?: object) =>
  object("apps/v1", "StatefulSet", "orders", {
    spec: {
      replicas: 3,
      ...(policy && { persistentVolumeClaimRetentionPolicy: policy }),
      template: { spec: pod("registry.example.com/db:v1") },
      volumeClaimTemplates: [
        { metadata: { name: "data" }, spec: { resources: { requests: { storage: `${gib}Gi` } } } },
      ],
    },
  });

describe("ten changes, one of each kind", () => {
  test("an object that comes is folded, with nothing that is riskier", () => {
    const text = markdown([], [object("v1", "ConfigMap", "prices", { data: { a: "1" } })]);
    expect(text).toContain("## Stack `prod`: 1 added");
    expect(text).toContain("`main (1a2b3c4d5e)` → `6f7a8b9c0d`");
    expect(text).toContain("<details><summary><b>Added (1)</b></summary>\n\n- + `ConfigMap apps/prices`\n\n</details>");
    expect(text).not.toContain("###");
  });

  test("an object that changes is shown field by field", () => {
    const text = markdown([deployment("shop")], [deployment("shop", { replicas: 5, minReadySeconds: 10 })]);
    expect(text).toContain(
      "- ~ `Deployment apps/shop`\n  - `spec.replicas: 2 → 5`\n  - `spec.minReadySeconds: (none) → 10`",
    );
  });

  test("an object that goes is open to see, with what is missed then", () => {
    const text = markdown([object("policy/v1", "PodDisruptionBudget", "shop")], []);
    expect(text).toContain("### Removed (1)\n\n- - `PodDisruptionBudget apps/shop`: a drain may take all pods at once");
  });

  test("an object with a changed fixed field is replaced", () => {
    const address = (ip: string) => object("v1", "Service", "shop", { spec: { clusterIP: ip } });
    const text = markdown([address("10.96.0.10")], [address("None")]);
    expect(text).toContain("1 replaced");
    expect(text).toContain("### Replaced (1)");
    expect(text).toMatch(
      /- ± `Service apps\/shop`: is made again, because these fields cannot change: spec\.clusterIP\n {2}- `spec\.clusterIP: 10\.96\.0\.10 → None`/,
    );
    const selected = deployment("shop", { selector: { matchLabels: { app: "other" } } });
    expect(markdown([deployment("shop")], [selected])).toContain("spec.selector.matchLabels.app");
  });

  test("data that may be lost comes before all else", () => {
    const claim = object("v1", "PersistentVolumeClaim", "cart");
    const text = markdown([store(10), claim, deployment("shop")], [store(20), deployment("shop", { replicas: 1 })]);
    expect(text).toContain("**Data may be lost: 2 objects.**");
    expect(text).toContain("### Data loss (2)");
    expect(text).toContain("claims that are there keep their old size and class");
    expect(text).toContain("- - `PersistentVolumeClaim apps/cart`: the claim's volume goes with it");
    expect(text.indexOf("Data loss (2)")).toBeLessThan(text.indexOf("Changed (1)"));
    expect(markdown([store(10)], [store(10, { whenDeleted: "Delete" })])).toContain(
      "whenDeleted: Delete: its claims are no longer kept",
    );
  });

  test("the image is told of once, with how many objects use it", () => {
    const image = (digit: string) => `registry.example.com/quorum/app:prod@sha256:${digit.repeat(64)}`;
    const of = (digit: string) => ["cart", "shop"].map((name) => deployment(name, {}, image(digit)));
    const text = markdown(of("a"), of("b"));
    expect(text).toContain(
      `**Images**\n- \`registry.example.com/quorum/app\`: \`:prod@sha256:${"a".repeat(64)}\` → \`:prod@sha256:${"b".repeat(64)}\`, in 2 objects`,
    );
  });

  test("the control plane's change says what is tolerated, and what up would refuse", () => {
    const prod = (edit: (controlPlane: Fields) => void) => {
      const sections = structuredClone(stackSections("prod"));
      edit(sections["controlPlane"] ?? {});
      return parseConfig(sections);
    };
    const before = prod(() => undefined);
    expect(controlPlaneReport(before, before)).toEqual({ summary: undefined, problems: [] });
    const after = prod((controlPlane) => {
      const hosts = controlPlane["hosts"] as Fields;
      hosts["cp-d"] = { address: "192.0.2.14", zone: "d" };
      hosts["cp-e"] = { address: "192.0.2.15", zone: "e" };
    });
    const text = markdown([], [], { controlPlane: controlPlaneReport(before, after) });
    expect(text).toContain(
      "**Control plane**: quorum 2 → 3; tolerates the loss of 1 → 2; at its weakest step of 1; hosts that come: cp-d, cp-e",
    );
    expect(text).toContain("<details><summary>the control plane, step by step</summary>");
    expect(text).toContain("promote learner");
    const skipped = prod((controlPlane) => (controlPlane["kubernetesVersion"] = "1.35.4"));
    expect(markdown([], [], { controlPlane: controlPlaneReport(skipped, before) })).toContain(
      "refused by `up`: quorum:controlPlane.kubernetesVersion",
    );
  });

  test("routes are told of by their weights", () => {
    const route = (first: number) =>
      object("networking.istio.io/v1", "VirtualService", "svcb", {
        spec: {
          http: [
            {
              name: "all",
              route: [
                { destination: { host: "svcb", subset: "v0-1" }, weight: first },
                { destination: { host: "svcb", subset: "v0-2" }, weight: 100 - first },
              ],
            },
          ],
        },
      });
    expect(markdown([route(50)], [route(0)])).toContain(
      "**Routes and their weights**\n- `VirtualService apps/svcb all`: `svcb v0-1 50, svcb v0-2 50` → `svcb v0-1 0, svcb v0-2 100`",
    );
    const backend = (weight: number) =>
      object("gateway.networking.k8s.io/v1", "HTTPRoute", "shop", {
        spec: {
          rules: [
            {
              backendRefs: [
                { name: "shop", weight },
                { name: "next", weight: 10 - weight },
              ],
            },
          ],
        },
      });
    expect(markdown([backend(10)], [backend(9)])).toContain("`shop 10, next 0` → `shop 9, next 1`");
  });

  test("a policy that lets more through stands before other changes, and says what", () => {
    const policy = (ports: readonly number[]) =>
      object("networking.k8s.io/v1", "NetworkPolicy", "shop", {
        spec: {
          podSelector: {},
          policyTypes: ["Ingress"],
          ingress: ports.map((port) => ({ from: [{ podSelector: {} }], ports: [{ port }] })),
        },
      });
    const role = (verbs: readonly string[]) =>
      object("rbac.authorization.k8s.io/v1", "Role", "viewer", {
        rules: [{ apiGroups: [""], resources: ["secrets"], verbs }],
      });
    const text = markdown(
      [policy([80]), role(["list"]), deployment("shop")],
      [policy([80, 22]), role(["list", "get"]), deployment("shop", { replicas: 1 })],
    );
    expect(text).toContain("**Policies**\n- `NetworkPolicy`: 1 wider\n- `Role`: 1 wider");
    expect(text).toContain("### Security: more is allowed or reachable (2)");
    expect(text).toContain("`Role apps/viewer`: may also: get secrets");
    expect(text).toMatch(/`NetworkPolicy apps\/shop`: lets more through: ingress from .* at .*22/);
    expect(text.indexOf("### Security")).toBeLessThan(text.indexOf("Changed (1)"));
    // The other way round it is an ordinary change.
    expect(markdown([policy([80, 22])], [policy([80])])).not.toContain("### Security");
  });

  test("alerts that come, go and change are named", () => {
    const rules = (alerts: readonly object[]) =>
      object("v1", "ConfigMap", "prometheus-rules", {
        data: { "a.yml": `groups:\n- name: a\n  rules: ${JSON.stringify(alerts)}\n` },
      });
    const alert = (name: string, wait: string) => ({
      alert: name,
      expr: "up == 0",
      for: wait,
      labels: { severity: "critical" },
    });
    const text = markdown(
      [rules([alert("Down", "5m"), alert("Gone", "1m")])],
      [rules([alert("Down", "1h"), alert("New", "1m")])],
    );
    expect(text).toContain(
      "**Alerts**\n- `Gone`: goes: nobody is told any more (critical)\n- `Down`: changes: for 5m → 1h\n- `New`: comes (critical)",
    );
  });
});

describe("what a reader is spared", () => {
  test("nothing that differs is said in one line", () => {
    expect(markdown([deployment("shop")], [deployment("shop")])).toBe(
      "<!-- quorum diff: prod -->\n## Stack `prod`: no object changes\n\n`main (1a2b3c4d5e)` → `6f7a8b9c0d`\n",
    );
  });

  test("the same change of 100 objects is one entry", () => {
    const all = (replicas: number) =>
      Array.from({ length: 100 }, (_, index) => deployment(`shop-${index}`, { replicas }));
    const text = markdown(all(2), all(3));
    expect(text).toContain("100 changed");
    expect(text).toContain("- ~ 100 objects alike\n  - `spec.replicas: 2 → 3`\n  - in `Deployment` `apps/shop-0`");
    expect(text.split("\n").length).toBeLessThan(15);
  });

  test("a Job whose name has another hash runs again: it is no removal", () => {
    const job = (hash: string, image: string) =>
      object("batch/v1", "Job", `make-${hash}`, { spec: { template: { spec: pod(image) } } });
    const text = markdown([job("0a0a0a0a", "a:1")], [job("1b1b1b1b", "a:2")]);
    expect(text).toContain("1 replaced");
    expect(text).not.toContain("Removed");
  });

  test("an object that is protected stays, and is said to", () => {
    const claim = object("v1", "PersistentVolumeClaim", "cart");
    const text = diffMarkdown(reportOf(render([claim], [claim]), emptyRender));
    expect(text).toContain("is protected or retained: it stays in the cluster");
    expect(text).not.toContain("Data");
  });

  test("what does not fit a comment is left out from the least risky end, and a line says so", () => {
    const many = (kind: string, long: string) =>
      Array.from({ length: 400 }, (_, index) =>
        object("v1", kind, `${kind.toLowerCase()}-${index}`, { data: { key: `${index}${long}` } }),
      );
    const claims = Array.from({ length: 40 }, (_, index) => object("v1", "PersistentVolumeClaim", `claim-${index}`));
    const text = markdown([...many("ConfigMap", "a".repeat(80)), ...claims], many("ConfigMap", "b".repeat(80)));
    expect(text.length).toBeLessThanOrEqual(commentLimit);
    expect(text.length).toBeGreaterThan(commentLimit - 1000);
    expect(text).toContain("### Data loss (40)");
    expect(text).toMatch(
      /\*\d+ of 400 entries are left out, as a comment has room for no more: `npm run diff` shows them\*/,
    );
    expect(text).toContain("Changed (400)");
    for (const limit of [2000, 700, 300])
      expect(diffMarkdown(reportOf(render(claims), render(many("ConfigMap", ""))), limit).length).toBeLessThanOrEqual(
        limit,
      );
  });
});

describe("what nobody may see", () => {
  const key = "-----BEGIN PRIVATE KEY-----";
  test.each<[string, KubeObject, KubeObject]>([
    [
      "a Secret's data",
      object("v1", "Secret", "s", { data: { a: "b2xk" } }),
      object("v1", "Secret", "s", { data: { a: "hunter2" } }),
    ],
    [
      "a variable's value",
      deployment("s"),
      deployment("s", { template: { spec: pod("a", [{ name: "DB_PASSWORD", value: "hunter2" }]) } }),
    ],
    [
      "a variable's new value",
      deployment("s", { template: { spec: pod("a", [{ name: "DB_PASSWORD", value: "old" }]) } }),
      deployment("s", { template: { spec: pod("a", [{ name: "DB_PASSWORD", value: "hunter2" }]) } }),
    ],
    [
      "an address with a password",
      object("v1", "ConfigMap", "s", { data: { u: "x" } }),
      object("v1", "ConfigMap", "s", { data: { u: "amqp://me:hunter2@host" } }),
    ],
    [
      "a line of a file",
      object("v1", "ConfigMap", "s", { data: { u: "a\n" } }),
      object("v1", "ConfigMap", "s", { data: { u: "password: hunter2\n" } }),
    ],
    [
      "a key",
      object("v1", "ConfigMap", "s", { data: { u: "a" } }),
      object("v1", "ConfigMap", "s", { data: { u: `${key}\nhunter2\n-----END PRIVATE KEY-----` } }),
    ],
    ["a new map", object("v1", "ConfigMap", "s"), object("v1", "ConfigMap", "s", { data: { apiToken: "hunter2" } })],
  ])("%s is not shown", (_, before, after) => {
    expect(markdown([before], [after])).not.toContain("hunter2");
    expect(markdown([after], [before])).not.toContain("hunter2");
    expect(markdown([before], [after])).toContain("(1)");
  });

  test("where a secret lies is no secret", () => {
    const of = (name: string) => object("v1", "ConfigMap", "s", { data: { secretName: name, replicas: "3" } });
    expect(markdown([of("one")], [of("two")])).toContain("`data.secretName: one → two`");
  });
});

describe("values of somebody who is not trusted", () => {
  test("stay in their code span", () => {
    expect(code("a`b``c")).toBe("```a`b``c```");
    expect(code("`")).toBe("`` ` ``");
    expect(code("a\n\n# b")).toBe("`a # b`");
    const nasty = "</details> # @everyone ![x](https://evil.example.com/x.png) `";
    const text = markdown(
      [object("v1", "ConfigMap", "s", { data: { u: "a" } })],
      [object("v1", "ConfigMap", "s", { data: { u: nasty } })],
    );
    expect(text.split("\n").filter((line) => line.startsWith("#"))).toHaveLength(1);
    expect(text).toContain("`` data.u: a → </details>");
  });

  test("lose what Markdown would act on where they stand in words", () => {
    expect(plain("<b>@me</b> [x](https://e.example)")).toBe(
      "&lt;b&gt;@\u200bme&lt;/b&gt; \\[x\\](https:\u200b//e.example)",
    );
  });
});

describe("what widens", () => {
  const namespace = (level: string): KubeObject => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "apps", labels: { "pod-security.kubernetes.io/enforce": level } },
  });
  const binding = (...names: string[]) =>
    object("rbac.authorization.k8s.io/v1", "RoleBinding", "team", {
      roleRef: { kind: "Role", name: "operator" },
      subjects: names.map((name) => ({ kind: "Group", name })),
    });
  const mtls = (mode: string) =>
    object("security.istio.io/v1", "PeerAuthentication", "default", { spec: { mtls: { mode } } });
  const service = (type: string) => object("v1", "Service", "shop", { spec: { type, ports: [{ port: 80 }] } });
  test.each<[string, KubeObject, KubeObject, RegExp]>([
    ["Pod Security", namespace("restricted"), namespace("baseline"), /Pod Security restricted → baseline/],
    ["a binding's subjects", binding("a"), binding("a", "b"), /Group b may do what Role operator allows/],
    ["mTLS", mtls("STRICT"), mtls("PERMISSIVE"), /mTLS is no longer asked for: PERMISSIVE/],
    [
      "a Service's type",
      service("ClusterIP"),
      service("LoadBalancer"),
      /reached from outside the cluster: LoadBalancer 80/,
    ],
    [
      "a pod's rights",
      deployment("s"),
      deployment("s", { template: { spec: pod("registry.example.com/shop:v1", [], { ...safe, privileged: true }) } }),
      /its pods get: privileged \(shop\)/,
    ],
  ])("%s", (_, before, after, reason) => {
    expect(compareRenders(render([before]), render([after]))).toMatchObject([{ risk: "widen" }]);
    expect(markdown([before], [after])).toMatch(reason);
    expect(compareRenders(render([after]), render([before]))).toMatchObject([{ risk: "change" }]);
  });
});

test("an image that is built says whether what it is built from changes", () => {
  const root = join(import.meta.dirname, "../..");
  const dev = parseConfig(stackSections("dev")).images.builds;
  expect(buildFacts(dev, dev, { base: root, head: root })).toEqual([]);
  expect(buildFacts({}, dev, { base: root, head: root })).toEqual([
    { what: "app", text: "is new, and built by up from app" },
  ]);
  const argued = Object.fromEntries(Object.entries(dev).map(([name, build]) => [name, { ...build, args: { A: "1" } }]));
  expect(buildFacts(dev, argued, { base: root, head: root })).toMatchObject([
    { what: "app", from: expect.stringMatching(/^[0-9a-f]{10}$/) },
  ]);
});
