import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { readGoodStates, referredFiles } from "../../engine/direct/last-good.ts";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { restoreByApply, restoreByReplace, type RollbackSettings, waitOrGoBack } from "../../engine/direct/rollback.ts";
import { FakeCluster } from "./fake-kubectl.ts";
import { desired, object } from "./objects.ts";

beforeEach(() =>
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"] }),
);
afterEach(() => vi.useRealTimers());

const template = (image: string, more: object = {}) => ({
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "web", image, envFrom: [{ configMapRef: { name: "web-config" } }] }], ...more },
});
const [good, bad] = [template("i:good"), template("i:bad")];

interface Workload {
  readonly kind?: string;
  readonly template?: object;
  readonly ready?: boolean;
  readonly rollback?: boolean;
}

function workload({
  kind = "Deployment",
  template: wanted = good,
  ready = true,
  rollback = true,
}: Workload): KubeObject {
  const many = ready ? 2 : 0;
  return object(kind, "web", {
    apiVersion: "apps/v1",
    namespace: "apps",
    metadata: { uid: "web-uid", generation: 1, annotations: rollback ? { "quorum.dev/rollback": "true" } : {} },
    spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, template: wanted },
    status: {
      ...{ observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: many, readyReplicas: many },
      ...{ updateRevision: "web-2", desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: many },
    },
  });
}
const stuckPod = object("Pod", "web-2-x", {
  namespace: "apps",
  metadata: { labels: { app: "web", "pod-template-hash": "2" } },
  status: {
    containerStatuses: [
      { name: "web", image: "i:bad", ready: false, state: { waiting: { reason: "ImagePullBackOff" } } },
    ],
  },
});
const config = (data: Record<string, string>, more: object = {}) =>
  object("ConfigMap", "web-config", { namespace: "apps", data, ...more });

/** Waits in a cluster where the roll-out is stuck, and every restored template gets ready at once. */
async function run(cluster: FakeCluster, before: KubeObject[], restore?: RollbackSettings["restore"]) {
  const said: string[] = [];
  const wanted = workload({ template: bad });
  const changes = [wanted, config({ a: "2" })].map((each) => ({
    ...{ desired: desired(each), action: "update" as const, fields: [], live: undefined, object: each },
  }));
  const states = await readGoodStates(cluster.kubectl, before);
  const live = [...cluster.objects.values()].filter(
    ({ kind }) => /Deployment|Set$/.test(kind) && kind !== "ReplicaSet",
  );
  const ended = waitOrGoBack(live, {
    kubectl: cluster.kubectl,
    log: (line) => said.push(line),
    timeoutSeconds: 300,
    before: states,
    restore: restore ?? restoreByApply(cluster.kubectl, changes),
  }).then(
    () => "ready",
    (error: unknown) => (error as Error).message,
  );
  await vi.advanceTimersByTimeAsync(60_000);
  return { message: await Promise.race([ended, Promise.resolve("still waiting")]), said };
}

function stuckCluster(more: readonly KubeObject[] = [], options: Workload = {}): FakeCluster {
  const cluster = new FakeCluster([workload({ template: bad, ready: false, ...options }), stuckPod, ...more]);
  cluster.onWrite = ({ objects }) => {
    for (const each of objects) {
      const spec = each["spec"] as { template?: object } | undefined;
      cluster.put(spec?.template === undefined ? each : workload({ ...options, template: spec.template }));
    }
  };
  return cluster;
}

describe("a workload that asks for it", () => {
  test("goes back to the template that it had when it was good, says so, and the run fails nevertheless", async () => {
    const cluster = stuckCluster();
    const { message, said } = await run(cluster, [workload({})]);
    expect(cluster.writes.map(({ verb, objects }) => [verb, objects.map(({ spec }) => spec)])).toEqual([
      ["apply", [{ replicas: 2, selector: { matchLabels: { app: "web" } }, template: good }]],
    ]);
    expect(message).toMatch(/^apps\/v1 Deployment apps\/web does not get ready; for 3\d s, pod apps\/web-2-x/);
    expect(message).toMatch(
      /\napps\/v1 Deployment apps\/web is back at its last good template \(image i:good\), and ready;/,
    );
    expect(said.at(-1)).toBe("apps/v1 Deployment apps/web goes back to its last good template (image i:good)");
  });

  test("has its files back, too", async () => {
    const cluster = stuckCluster([config({ a: "1" })]);
    const before = workload({});
    const states = [before];
    const wait = run(cluster, states);
    cluster.put(config({ a: "2" }));
    await wait;
    expect(cluster.writes[0]?.objects.map(({ kind, data }) => [kind, data])).toEqual([
      ["ConfigMap", { a: "1" }],
      ["Deployment", undefined],
    ]);
  });

  test("after no progress for as long as it may take", async () => {
    const cluster = stuckCluster();
    cluster.objects.delete("/Pod|apps|web-2-x");
    const status = {
      ...{ observedGeneration: 1, updatedReplicas: 1, replicas: 3 },
      conditions: [
        { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "it has timed out" },
      ],
    };
    cluster.put({ ...workload({ template: bad, ready: false }), status });
    const { message } = await run(cluster, [workload({})]);
    expect(message).toMatch(
      /does not get ready: no progress for 600 s \(it has timed out\).*\n.*is back at its last good/,
    );
  });

  test("stays when it was good with the very same template: it is not this run that spoilt it", async () => {
    const cluster = stuckCluster();
    const { message } = await run(cluster, [workload({ template: bad })]);
    expect(cluster.writes).toEqual([]);
    expect(message).toMatch(/\n.*stays as it is: it was good with the same template and files before this run$/);
  });

  test("stays when it has never been good", async () => {
    const { message } = await run(stuckCluster(), []);
    expect(message).toMatch(/\n.*stays as it is: there is no earlier template of it that was good$/);
  });

  test("says so when it is not good there either", async () => {
    const cluster = stuckCluster();
    cluster.onWrite = () => {
      throw new Error("the API server is away");
    };
    expect((await run(cluster, [workload({})])).message).toMatch(
      /\n.*could not go back to its last good template: the API server is away$/,
    );
  });
});

test("a workload that does not ask for it stays where it stopped", async () => {
  const cluster = stuckCluster([], { rollback: false });
  const { message } = await run(cluster, [workload({ rollback: false })]);
  expect(message).not.toContain("\n");
  expect(cluster.writes).toEqual([]);
});

describe("a roll-out that an earlier run began goes back to what still serves", () => {
  const owner = { ownerReferences: [{ uid: "web-uid" }] };

  test("of a Deployment: the newest earlier ReplicaSet with a ready pod", async () => {
    const set = (revision: number, image: string, readyReplicas: number) =>
      object("ReplicaSet", `web-${revision}`, {
        namespace: "apps",
        metadata: { ...owner, annotations: { "deployment.kubernetes.io/revision": String(revision) } },
        spec: { template: { ...template(image), metadata: { labels: { app: "web", "pod-template-hash": "x" } } } },
        status: { readyReplicas },
      });
    const other = object("ReplicaSet", "other", { namespace: "apps", spec: { template: template("i:other") } });
    const cluster = stuckCluster([set(9, "i:nine", 2), set(10, "i:ten", 0), set(11, "i:bad", 0), other]);
    await run(cluster, []);
    expect(cluster.writes[0]?.objects[0]?.["spec"]).toMatchObject({ template: template("i:nine") });
  });

  test.each([
    ["StatefulSet", "web-1"],
    ["DaemonSet", "1"],
  ])("of a %s: the newest earlier revision with a ready pod", async (kind, label) => {
    const revision = (number: number, image: string) =>
      object("ControllerRevision", `web-${number}`, {
        apiVersion: "apps/v1",
        namespace: "apps",
        metadata: owner,
        revision: number,
        data: { spec: { template: { $patch: "replace", ...template(image) } } },
      });
    const pod = object("Pod", "web-0", {
      namespace: "apps",
      metadata: { ...owner, labels: { app: "web", "controller-revision-hash": label } },
      status: { containerStatuses: [{ name: "web", ready: true }] },
    });
    const cluster = stuckCluster([revision(1, "i:one"), revision(2, "i:bad"), pod], { kind });
    cluster.put({
      ...stuckPod,
      metadata: {
        ...stuckPod.metadata,
        labels: { app: "web", "controller-revision-hash": "web-2" },
        creationTimestamp: "2",
      },
    });
    const restored: object[] = [];
    await run(cluster, [], async (_workload, state) => {
      await Promise.resolve();
      restored.push(state.template);
    });
    expect(restored).toEqual([template("i:one")]);
    // A StatefulSet would wait for its stuck pod for ever.
    const deleted = cluster.writes.map(({ args }) => args?.slice(0, 6).join(" "));
    expect(deleted).toEqual(kind === "StatefulSet" ? ["delete pods -n apps -l controller-revision-hash=web-2"] : []);
  });
});

describe("under the Pulumi CLI", () => {
  test("template and files are put back in the name of its provider, and again when a controller was faster", async () => {
    const cluster = new FakeCluster([workload({ template: bad }), config({ a: "2", b: "2" })]);
    await restoreByReplace(cluster.kubectl)(workload({ template: bad }), {
      template: good,
      files: [config({ a: "1" })],
    });
    const [write] = cluster.writes;
    expect(write?.options).toEqual({ dryRun: false, manager: "pulumi-kubernetes" });
    expect(write?.objects.map(({ data, spec }) => data ?? (spec as { template: object }).template)).toEqual([
      good,
      { a: "1" },
    ]);
  });

  test("a file that cannot change is left alone", async () => {
    const cluster = new FakeCluster([workload({ template: bad }), config({ a: "1" }, { immutable: true })]);
    await restoreByReplace(cluster.kubectl)(workload({}), { template: good, files: [config({ a: "1" })] });
    expect(cluster.writes[0]?.objects.map(({ kind }) => kind)).toEqual(["Deployment"]);
  });
});

test("the files of a template are found wherever it refers to them", () => {
  const container = {
    env: [
      { name: "A", valueFrom: { configMapKeyRef: { name: "a", key: "k" } } },
      { name: "B", valueFrom: { secretKeyRef: { name: "b", key: "k" } } },
      { name: "C", value: "c" },
    ],
    envFrom: [{ secretRef: { name: "c" } }],
  };
  const volumes = [
    { name: "v", configMap: { name: "d" } },
    { name: "w", secret: { secretName: "e" } },
    { name: "x", projected: { sources: [{ configMap: { name: "f" } }, { secret: { name: "g" } }] } },
    { name: "y", emptyDir: {} },
  ];
  const found = referredFiles({ spec: { initContainers: [container], containers: [{}], volumes } }, "apps");
  expect(found.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
    ...["ConfigMap a", "ConfigMap d", "ConfigMap f", "Secret b", "Secret c", "Secret e", "Secret g"],
  ]);
});
