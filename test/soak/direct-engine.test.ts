import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { down } from "../../engine/direct/down.ts";
import { inventoryIdentity } from "../../engine/direct/inventory.ts";
import { Kubectl } from "../../engine/direct/kubectl.ts";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { preview } from "../../engine/direct/preview.ts";
import type { Session } from "../../engine/direct/session.ts";
import { up } from "../../engine/direct/up.ts";
import { toolPath } from "../../local/tools.ts";
import { failureOf } from "../engine/programs.ts";
import type { Wanted } from "../engine/fixtures/generic.ts";
import { kubeconfig as devKubeconfig } from "../cluster/quorum.ts";

/** The direct engine against a real API server, in a stack and namespaces of its own. */
const kubeconfig = process.env["QUORUM_KUBECONFIG"] ?? devKubeconfig;
let stack = "";
/** Each test has a stack and a namespace of its own, called alike. */
const stacks: string[] = [];
const stateDir = mkdtempSync(join(tmpdir(), "quorum-engine-"));
const said: string[] = [];
let kubectlPath: string;
let client: Kubectl;

/** The Lease of the test's stack, as kubectl shows it. */
const shownLease = (...how: string[]) =>
  client.call(["get", "lease", `quorum-${stack}`, "-n", "quorum-system", ...how]);

const space = (): Wanted => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: stack } });
const settings = (name: string, data: Record<string, string>, options?: Wanted["options"]): Wanted => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: stack },
  data,
  ...(options === undefined ? {} : { options }),
});
const definition = (): Wanted => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `things.${stack}.example.com` },
  spec: {
    group: `${stack}.example.com`,
    scope: "Namespaced",
    names: { kind: "Thing", plural: "things", singular: "thing" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
          },
        },
      },
    ],
  },
});
const thing = (size: unknown): Wanted => ({
  apiVersion: `${stack}.example.com/v1`,
  kind: "Thing",
  metadata: { name: "t", namespace: stack },
  spec: { size },
});
/** With no replicas it is ready at once and starts nothing. */
const idle = (selector: string): Wanted => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "idle", namespace: stack },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: selector } },
    template: { metadata: { labels: { app: selector } }, spec: { containers: [{ name: "a", image: "nothing" }] } },
  },
});

function session(objects: readonly Wanted[]): Session {
  const root = join(import.meta.dirname, "../..");
  return {
    workspace: { root, stateDir },
    program: join(root, "test/engine/fixtures/generic.ts"),
    config: {
      project: "quorum",
      stack,
      values: { "quorum:kubeconfig": kubeconfig, "quorum:objects": JSON.stringify(objects) },
      secretKeys: [],
    },
    tools: {
      kubectl: () => Promise.resolve(kubectlPath),
      docker: () => Promise.reject(new Error("no image is built here")),
    },
    // The garbage collector learns of a new kind every 30 s, and until then ends no foreground deletion of one of its objects.
    timeoutSeconds: 60,
    log: (line) => said.push(line),
  };
}

/** What a command said. */
async function saying(work: Promise<unknown>): Promise<string[]> {
  said.length = 0;
  await work;
  return [...said];
}

const get = async (kind: string, name: string, apiVersion = "v1") =>
  (await client.get([{ apiVersion, kind, namespace: stack, name }]))[0];
const data = async (name: string) => (await get("ConfigMap", name))?.["data"];
const inventoryOf = async (name: string) => (await client.get([inventoryIdentity(name)]))[0];
const change = (...args: string[]) => client.call([...args, "-n", stack]);

beforeAll(async () => {
  kubectlPath = await toolPath("kubectl");
  client = new Kubectl({ path: kubectlPath, access: { kubeconfig }, cacheDir: join(stateDir, "kube-cache") });
});
beforeEach(() => {
  stack = `engine-test-${stacks.length}`;
  stacks.push(stack);
});
afterAll(async () => {
  const selector = `quorum.dev/stack in (${stacks.join(",")})`;
  await client.call(["delete", "namespaces,customresourcedefinitions", "-l", selector]);
  await client.remove(stacks.map(inventoryIdentity), 10);
  rmSync(stateDir, { recursive: true, force: true });
});

describe("the direct engine on a real API server", () => {
  test("previews a namespace, a kind and objects in them that are not there yet, and makes none", async () => {
    expect(await saying(preview(session([space(), definition(), thing(1), settings("a", {})]), false))).toEqual([
      `+ v1 Namespace ${stack}`,
      `+ apiextensions.k8s.io/v1 CustomResourceDefinition things.${stack}.example.com`,
      `+ v1 ConfigMap ${stack}/a`,
      `+ ${stack}.example.com/v1 Thing ${stack}/t`,
      "4 to be created, 0 to be changed, 0 to be deleted, 0 unchanged",
    ]);
    expect(await client.get([{ apiVersion: "v1", kind: "Namespace", name: stack }])).toEqual([]);
    expect(await inventoryOf(stack)).toBeUndefined();
  });

  test("makes them in waves, then has nothing to change, shows a change by its field, and prunes", async () => {
    const before = [space(), definition(), thing(1), settings("a", { x: "1" }), settings("b", {})];
    expect((await saying(up(session(before)))).at(-1)).toBe("5 created, 0 changed, 0 deleted, 0 unchanged");
    const began = performance.now();
    expect(await saying(up(session(before)))).toEqual(["nothing to change: 5 objects, 0 host steps"]);
    expect(performance.now() - began).toBeLessThan(5000);

    const after = [space(), definition(), thing(2), settings("a", { x: "1" })];
    const lines = [`~ ${stack}.example.com/v1 Thing ${stack}/t  spec.size: 1 → 2`, `- v1 ConfigMap ${stack}/b`];
    expect(await saying(preview(session(after), false))).toEqual([
      ...lines,
      "0 to be created, 1 to be changed, 1 to be deleted, 3 unchanged",
    ]);
    expect(await get("ConfigMap", "b")).toBeDefined();
    const done = await saying(up(session(after)));
    expect(done).toEqual(expect.arrayContaining([...lines, "0 created, 1 changed, 1 deleted, 3 unchanged"]));
    expect(await get("ConfigMap", "b")).toBeUndefined();
    expect((await get("Thing", "t", `${stack}.example.com/v1`))?.["spec"]).toEqual({ size: 2 });
  });

  test("refuses what cannot be changed, by object and field, and changes nothing then", async () => {
    await up(session([space(), idle("one"), settings("a", { x: "1" })]));
    const message = await failureOf(() => up(session([space(), idle("two"), settings("a", { x: "2" })])));
    expect(message).toMatch(
      /Deployment engine-test-\d\/idle: spec\.selector cannot be changed once the object is there; give the object a new name/,
    );
    expect(await data("a")).toEqual({ x: "1" });
    const invalid: Wanted = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "s", namespace: stack },
      spec: { ports: [{ port: 99999 }], bogus: 1 },
    };
    expect(await failureOf(() => preview(session([space(), idle("one"), invalid]), false))).toMatch(
      /Service engine-test-\d\/s: .*bogus/,
    );
  });

  test("refuses to change what somebody else has made, and so never takes it away", async () => {
    await client.call(["create", "namespace", stack]);
    await change("create", "configmap", "theirs", "--from-literal=x=theirs");
    const wanted = [space(), settings("theirs", { x: "ours" })];
    for (const work of [() => preview(session(wanted), false), () => up(session(wanted))]) {
      expect(await failureOf(work)).toMatch(
        /^2 objects of the program are in the cluster already, made by somebody else; .*\n {2}v1 Namespace engine-test-\d\n {2}v1 ConfigMap engine-test-\d\/theirs$/,
      );
    }
    await down(session(wanted));
    expect(await data("theirs")).toEqual({ x: "theirs" });
    await client.call(["label", "namespace", stack, `quorum.dev/stack=${stack}`]);
    await change("label", "configmap", "theirs", `quorum.dev/stack=${stack}`);
    await up(session(wanted));
    expect(await data("theirs")).toEqual({ x: "ours" });
  });

  test("puts right what was changed by hand, save the fields that are left to others", async () => {
    const wanted = [
      space(),
      settings("drift", { x: "1" }),
      settings("left", { x: "1", y: "1" }, { ignoreChanges: ["data.x"] }),
    ];
    await up(session(wanted));
    for (const name of ["drift", "left"]) await change("patch", "configmap", name, "-p", '{"data":{"x":"by hand"}}');
    expect(await saying(preview(session(wanted), false))).toContain(
      `~ v1 ConfigMap ${stack}/drift  data.x: by hand → 1`,
    );
    await up(session(wanted));
    expect([await data("drift"), await data("left")]).toEqual([{ x: "1" }, { x: "by hand", y: "1" }]);
  });

  test("never deletes what is protected or retained, or no longer the stack's, and keeps the namespace that holds it", async () => {
    await up(
      session([
        space(),
        settings("p", {}, { protect: true }),
        settings("r", {}, { retainOnDelete: true }),
        settings("taken", {}),
        settings("gone", {}),
      ]),
    );
    await change("label", "configmap", "taken", "quorum.dev/stack=other", "--overwrite");
    const lines = await saying(up(session([space()])));
    expect(lines).toEqual(
      expect.arrayContaining([
        `! v1 ConfigMap ${stack}/p stays: it is protected`,
        `! v1 ConfigMap ${stack}/r stays: it is retained`,
        expect.stringMatching(/ConfigMap engine-test-\d\/taken stays: its label quorum\.dev\/stack is other/),
        `- v1 ConfigMap ${stack}/gone`,
      ]),
    );
    expect(await saying(down(session([space()])))).toContainEqual(
      expect.stringMatching(/Namespace engine-test-\d stays: it holds v1 ConfigMap/),
    );
    for (const name of ["p", "r", "taken"]) expect(await get("ConfigMap", name)).toBeDefined();
    expect(await get("ConfigMap", "gone")).toBeUndefined();
  });

  test("takes over a stack that has no inventory: adopts its objects, prunes by label, and leaves no field behind", async () => {
    await up(session([space()]));
    const labels = { "app.kubernetes.io/managed-by": "quorum", "quorum.dev/stack": stack };
    const made = (name: string) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: stack, labels },
      data: { x: "1", old: "1" },
    });
    const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: [made("kept"), made("dropped")] });
    await client.call(["create", "--field-manager=pulumi-kubernetes", "-f", "-"], { input });
    await client.remove([inventoryIdentity(stack)], 10);

    const wanted = [space(), settings("kept", { x: "1" })];
    const lines = [`~ v1 ConfigMap ${stack}/kept  data.old: 1 → (none)`, `- v1 ConfigMap ${stack}/dropped`];
    expect(await saying(preview(session(wanted), false))).toEqual(expect.arrayContaining(lines));
    await up(session(wanted));
    expect(await data("kept")).toEqual({ x: "1" });
    expect(await get("ConfigMap", "dropped")).toBeUndefined();
    expect(await saying(up(session(wanted)))).toEqual(["nothing to change: 2 objects, 0 host steps"]);
  });

  test("is refused while another run holds the Lease, by name, and goes on once that has run out", async () => {
    const lease = (renewTime: string) => ({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: `quorum-${stack}`, namespace: "quorum-system" },
      spec: {
        holderIdentity: "elsewhere/1/somebody",
        leaseDurationSeconds: 30,
        acquireTime: "2026-01-01T00:00:00.000000Z",
        renewTime,
      },
    });
    await up(session([space()]));
    await client.call(["create", "-f", "-"], {
      input: JSON.stringify(lease(new Date().toISOString().replace("Z", "000Z"))),
    });
    expect(await failureOf(() => up(session([space(), settings("a", {})])))).toMatch(
      /^stack engine-test-\d is being changed by another run \(elsewhere\/1\/somebody, since 2026-01-01T00:00:00/,
    );
    await client.call(["replace", "-f", "-"], { input: JSON.stringify(lease("2020-01-01T00:00:00.000000Z")) });
    await up(session([space(), settings("a", {})]));
    const left = await shownLease("--ignore-not-found", "-o", "name");
    expect(left).toBe("");
  });

  test("killed while it applies, the next up knows all that was made, and takes its Lease over", async () => {
    // So many that it is still at them when the first ones are seen, on a busy machine too.
    const many = Array.from({ length: 1000 }, (_, index) => settings(`many-${index}`, { x: "1" }));
    const script = `
      import { readFileSync } from "node:fs";
      const { up } = await import(${JSON.stringify(join(import.meta.dirname, "../../engine/direct/up.ts"))});
      const given = JSON.parse(readFileSync(process.argv[1], "utf8"));
      await up({ ...given, tools: { kubectl: async () => given.kubectl }, log: () => undefined });`;
    const { workspace, program, config } = session([space(), ...many]);
    // An argument may not be as long as that.
    const given = join(stateDir, "given.json");
    writeFileSync(given, JSON.stringify({ workspace, program, config, kubectl: kubectlPath, timeoutSeconds: 30 }));
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, given], {
      stdio: "ignore",
      detached: true,
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const count = async () =>
      (await inventoryOf(stack)) === undefined
        ? 0
        : (
            JSON.parse(await client.call(["get", "configmaps", "-n", stack, "-o", "json"])) as {
              items: KubeObject[];
            }
          ).items.length;
    while ((await count()) < 5 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    await ended;
    const holder = await shownLease("-o", "jsonpath={.spec.holderIdentity}");
    expect(holder.startsWith(`${hostname()}/${child.pid ?? ""}/`)).toBe(true);
    await up(session([space()]));
    const left = JSON.parse(
      await client.call(["get", "configmaps", "-n", stack, "-l", `quorum.dev/stack=${stack}`, "-o", "json"]),
    ) as { items: KubeObject[] };
    expect(left.items).toEqual([]);
  });

  test("down takes away all of it, and a second one has nothing to do", async () => {
    await up(session([space(), definition(), thing(1), idle("one")]));
    expect((await saying(down(session([])))).at(-1)).toBe("4 deleted, 0 kept; hosts keep their control plane");
    expect(
      await client.get(
        [space(), definition()].map(({ apiVersion, kind, metadata }) => ({ apiVersion, kind, name: metadata.name })),
      ),
    ).toEqual([]);
    expect(await saying(down(session([])))).toEqual(["nothing to take away: the cluster has no object of this stack"]);
  });
});
