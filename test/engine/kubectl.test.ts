import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findCluster } from "../../engine/direct/cluster-access.ts";
import { Kubectl, KubectlError, LiveObjects } from "../../engine/direct/kubectl.ts";
import { takeLock } from "../../engine/lock.ts";
import { unknown } from "../../engine/direct/registration.ts";
import { kubernetes, object, registration } from "./objects.ts";
import { failureOf, fakeProgram, temporaryFolder, temporaryWorkspace } from "./programs.ts";

/** kubectl that notes its calls and input, and then does what a script says. */
function kubectl(script: string, access = { context: "ctx" }) {
  const folder = temporaryFolder();
  const path = fakeProgram(
    "kubectl",
    `echo "$@" >>"${folder}/calls"; cat >>"${folder}/input"; echo >>"${folder}/input"\n${script}`,
  );
  const read = (name: string) => readFileSync(join(folder, name), "utf8").trim().split("\n");
  return {
    kubectl: new Kubectl({ path, access, cacheDir: "/cache" }),
    calls: () => read("calls"),
    inputs: () => read("input"),
    folder,
  };
}
const config = { apiVersion: "v1", kind: "ConfigMap", namespace: "apps", name: "c" };
const thing = { apiVersion: "example.com/v1", kind: "Thing", name: "t" };

describe("kubectl", () => {
  test("gets all objects in one call, named cluster and own cache", async () => {
    const {
      kubectl: client,
      calls,
      inputs,
    } = kubectl(`echo '{"kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}]}'`);
    expect((await client.get([config, thing])).map(({ kind }) => kind)).toEqual(["ConfigMap"]);
    expect(calls()).toEqual([
      "--context ctx --cache-dir /cache get -f - --ignore-not-found --show-managed-fields -o json --request-timeout=30s",
    ]);
    expect(JSON.parse(inputs()[0] ?? "")).toMatchObject({
      kind: "List",
      items: [
        { kind: "ConfigMap", metadata: { name: "c", namespace: "apps" } },
        { kind: "Thing", metadata: { name: "t" } },
      ],
    });
  });

  test("asks again without the kinds that the cluster does not know", async () => {
    const script = `if grep -q Thing <<<"$(tail -n 1 "$FOLDER/input")"; then echo 'unable to recognize: no matches for kind "Thing" in version "example.com/v1"' >&2; exit 1; fi
echo '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}'`;
    const { kubectl: client, calls, folder } = kubectl(script);
    process.env["FOLDER"] = folder;
    expect(await client.get([config, thing])).toHaveLength(1);
    expect(calls()).toHaveLength(2);
    expect(await client.get([thing])).toEqual([]);
  });

  test("reads one object, none, a List, or one after the other", async () => {
    const one = `{\n    "apiVersion": "v1",\n    "kind": "ConfigMap",\n    "data": {}\n}`;
    const { kubectl: client } = kubectl(`printf '%s\\n%s\\n' '${one}' '${one}'`);
    expect(await client.replace([object("ConfigMap", "c")], { dryRun: true })).toHaveLength(2);
    expect(await kubectl("true").kubectl.get([config])).toEqual([]);
  });

  test("shows the API server's warnings, each once", async () => {
    const warned: string[] = [];
    const { kubectl: client } = kubectl(
      "echo 'Warning: old API' >&2; echo 'Warning: old API' >&2; echo 'W0101 noise' >&2",
    );
    await client.apply([object("ConfigMap", "c")], { dryRun: false, onWarning: (line) => warned.push(line) });
    expect(warned).toEqual(["Warning: old API"]);
  });

  test.each<[string, RegExp]>([
    [
      'E1122 memcache.go:1] noise\nerror: Get "https://10.0.0.1:6443/api": dial tcp 10.0.0.1:6443: connect: connection refused',
      /^the cluster of context "ctx" cannot be reached at 10\.0\.0\.1:6443 \(connection refused\); start it/,
    ],
    [
      "Unable to connect to the server: dial tcp: lookup api.example: no such host",
      /cannot be reached \(no such host\)/,
    ],
    [
      "Unable to connect to the server: net/http: TLS handshake timeout",
      /cannot be reached \(net\/http: TLS handshake timeout\)/,
    ],
    [
      "error: You must be logged in to the server (Unauthorized)",
      /^the cluster of context "ctx" does not accept the credentials/,
    ],
    [
      "Error in configuration: context was not found for specified context: ctx",
      /^context "ctx" is not in the kubeconfig; kubectl config get-contexts/,
    ],
    ['error: context "ctx" does not exist', /^context "ctx" is not in the kubeconfig/],
  ])("%j is one message", async (said, message) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "said"), said);
    const { kubectl: client } = kubectl(`cat ${folder}/said >&2; exit 1`);
    const failure = await failureOf(() => client.get([config]));
    expect(failure).toMatch(message);
    expect(failure).not.toContain("\n");
  });

  test("other errors keep their lines, what is indented with the line before", async () => {
    const { kubectl: client } = kubectl(`printf 'Error from server: a\\n  b\\nError: c\\n' >&2; exit 1`);
    const error = await client.call(["x"]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KubectlError);
    expect((error as KubectlError).lines).toEqual(["Error from server: a b", "Error: c"]);
  });

  test("lists by label, without the kinds that the cluster does not know", async () => {
    const script = `case "$*" in *Thing*) echo "error: the server doesn't have a resource type \\"Thing\\"" >&2; exit 1;; esac; echo '{"kind":"List","items":[]}'`;
    const { kubectl: client, calls } = kubectl(script);
    expect(await client.listByLabel([{ apiVersion: "v1", kind: "ConfigMap" }, thing], "a=b")).toEqual([]);
    expect(calls()[0]).toContain("get ConfigMap.v1.,Thing.v1.example.com -A -l a=b");
    expect(calls()[1]).toContain("get ConfigMap.v1. -A -l a=b");
  });
});

test("a custom object without namespace may have been put into the default one", () => {
  const live = new LiveObjects([object("Thing", "t", { apiVersion: "example.com/v2", namespace: "default" })]);
  expect(live.find(thing)?.apiVersion).toBe("example.com/v2");
  expect(live.find({ ...thing, namespace: "other" })).toBeUndefined();
});

describe("the cluster of a program", () => {
  const provider = (name: string, inputs: Record<string, unknown>) =>
    registration({ type: "pulumi:providers:kubernetes", name, inputs });
  const objectOf = (name: string, providerName: string) =>
    kubernetes(object("ConfigMap", name), {
      provider: `urn:pulumi:dev::quorum::pulumi:providers:kubernetes::${providerName}::direct`,
    });
  const workspace = () => temporaryWorkspace();

  test("is its provider's: a context, a file, or a text that is written to a private file", () => {
    const at = workspace();
    expect(findCluster([provider("p", { context: "kind" }), objectOf("a", "p")], at, "dev")).toEqual({
      context: "kind",
    });
    expect(findCluster([provider("p", { kubeconfig: "/k", context: "c" })], at, "dev")).toEqual({
      kubeconfig: "/k",
      context: "c",
    });
    const file = join(at.stateDir, "dev.kubeconfig");
    expect(findCluster([provider("p", { kubeconfig: "apiVersion: v1\nkind: Config\n" })], at, "dev")).toEqual({
      kubeconfig: file,
      context: undefined,
    });
    expect(readFileSync(file, "utf8")).toContain("kind: Config");
  });

  test("is not known while its kubeconfig is not, or without objects and provider", () => {
    expect(findCluster([provider("p", { kubeconfig: unknown })], workspace(), "dev")).toBeUndefined();
    expect(findCluster([], workspace(), "dev")).toBeUndefined();
  });

  test.each<[string, Parameters<typeof findCluster>[0], RegExp]>([
    [
      "no provider",
      [kubernetes(object("ConfigMap", "c"))],
      /"c" \(kubernetes:v1:ConfigMap\) has no kubernetes\.Provider, so it would go to the current context by accident/,
    ],
    [
      "a provider of no cluster",
      [provider("p", {}), objectOf("a", "p")],
      /provider "p" has neither kubeconfig nor context/,
    ],
    [
      "two clusters",
      [provider("p", { context: "a" }), provider("q", { context: "b" }), objectOf("a", "p"), objectOf("b", "q")],
      /"p" and "q" of different clusters/,
    ],
    [
      "a namespace for all",
      [provider("p", { context: "a", namespace: "x" })],
      /provider "p" sets namespace, which the direct engine does not follow/,
    ],
  ])("%s is refused", async (_title, resources, message) => {
    expect(await failureOf(() => findCluster(resources, workspace(), "dev"))).toMatch(message);
  });
});

describe("the lock of a stack on this machine", () => {
  test("refuses a second run, names it, and is free afterwards", async () => {
    const workspace = temporaryWorkspace();
    const unlock = takeLock(workspace, "dev");
    expect(await failureOf(() => takeLock(workspace, "dev"))).toMatch(
      new RegExp(`^another run of stack dev is under way here \\(process ${process.pid}, since `),
    );
    takeLock(workspace, "prod")();
    unlock();
    takeLock(workspace, "dev")();
  });

  test.each([
    ["of a process that is gone", JSON.stringify({ pid: 999_999_999, since: "x" })],
    ["of an earlier process with the same number", JSON.stringify({ pid: process.pid, began: "1", since: "x" })],
    ["that was never finished", "{"],
  ])("%s is taken over", (_title, content) => {
    const workspace = temporaryWorkspace({ ".quorum/dev.lock": content });
    takeLock(workspace, "dev")();
  });
});
