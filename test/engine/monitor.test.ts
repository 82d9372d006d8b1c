import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { DirectMonitor, showOutput } from "../../engine/direct/monitor.ts";
import {
  decode,
  encode,
  makeUrn,
  type Registration,
  SecretValue,
  unknown,
  unknownPaths,
} from "../../engine/direct/registration.ts";
import { runProgram } from "../../engine/direct/run-program.ts";

const program = join(import.meta.dirname, "fixtures/objects.ts");
const config = {
  project: "quorum",
  stack: "dev",
  values: { "quorum:password": "hush" },
  secretKeys: ["quorum:password"],
};
const stackUrn = "urn:pulumi:dev::quorum::pulumi:pulumi:Stack::quorum-dev";

async function run(preview: boolean) {
  const asked: string[] = [];
  const monitor = new DirectMonitor({
    project: "quorum",
    stack: "dev",
    makers: {
      image: (resource) => {
        asked.push(resource.name);
        return Promise.resolve({
          id: "app",
          outputs: { repoDigest: preview ? unknown : "localhost:5000/quorum/app@sha256:1" },
        });
      },
      hostStep: (resource) => {
        asked.push(resource.name);
        return Promise.resolve({ id: "kubeconfig", outputs: { stdout: "the kubeconfig" } });
      },
    },
  });
  await runProgram({ program, config, monitor, preview });
  const named = new Map([...monitor.resources.values()].map((resource) => [resource.name, resource]));
  return { monitor, named, asked };
}

describe.each([
  ["up", false],
  ["preview", true],
])("a real program at %s", (_title, preview) => {
  let named: Map<string, Registration>;
  let monitor: DirectMonitor;
  let asked: string[];
  beforeAll(async () => {
    ({ named, monitor, asked } = await run(preview));
  });
  const at = (name: string) => {
    const found = named.get(name);
    if (found === undefined) throw new Error(`${name} was not registered`);
    return found;
  };

  test("registers each resource once, with the URN that the Pulumi CLI would give it", () => {
    expect([...monitor.resources.keys()].sort()).toEqual(
      [
        stackUrn,
        "urn:pulumi:dev::quorum::docker:index/image:Image::app",
        "urn:pulumi:dev::quorum::command:remote:Command::kubeconfig",
        "urn:pulumi:dev::quorum::pulumi:providers:kubernetes::cluster",
        "urn:pulumi:dev::quorum::test:index:Group::group",
        "urn:pulumi:dev::quorum::test:index:Group$kubernetes:core/v1:ConfigMap::settings",
        "urn:pulumi:dev::quorum::test:index:Group$kubernetes:core/v1:Secret::token",
        "urn:pulumi:dev::quorum::test:index:Group$kubernetes:apps/v1:Deployment::web",
      ].sort(),
    );
    expect(asked.sort()).toEqual(["app", "kubeconfig"]);
  });

  test("sees parents, dependencies, provider and options", () => {
    const web = at("web");
    expect(web.parent).toBe("urn:pulumi:dev::quorum::test:index:Group::group");
    expect(web.provider).toBe("urn:pulumi:dev::quorum::pulumi:providers:kubernetes::cluster::direct");
    expect(web.dependencies.toSorted()).toEqual([
      "urn:pulumi:dev::quorum::docker:index/image:Image::app",
      "urn:pulumi:dev::quorum::test:index:Group$kubernetes:core/v1:ConfigMap::settings",
    ]);
    expect(web.ignoreChanges).toEqual(["spec.replicas"]);
    expect(web.aliases).toContain("old-web");
    expect([at("settings").protect, at("token").protect]).toEqual([true, false]);
    expect([at("settings").retainOnDelete, at("token").retainOnDelete]).toEqual([false, true]);
    expect(at("group").custom).toBe(false);
  });

  test("knows which inputs are secret, and has their values", () => {
    expect(at("app").secretPaths).toEqual([["registry", "password"]]);
    expect(at("app").inputs["registry"]).toMatchObject({ password: "hush" });
    expect(at("token").secretPaths).toEqual([["stringData"]]);
    expect(at("cluster").secretPaths).toEqual([["kubeconfig"]]);
    expect(at("cluster").inputs["kubeconfig"]).toBe("the kubeconfig");
  });

  test("objects carry the labels of the stack transformation", () => {
    expect(at("settings").inputs["metadata"]).toMatchObject({
      labels: { "app.kubernetes.io/managed-by": "quorum", "quorum.dev/stack": "dev" },
    });
  });

  test("what only up can know is unknown at preview, and nothing else is", () => {
    const image = ["spec", "template", "spec", "containers", "0", "image"];
    expect(unknownPaths(at("web").inputs)).toEqual(preview ? [image] : []);
    expect(unknownPaths(at("settings").inputs)).toEqual([]);
  });

  test("outputs keep their secrets and their unknowns", () => {
    const outputs = monitor.outputs ?? {};
    expect(outputs["kubeconfig"]).toBeInstanceOf(SecretValue);
    expect(outputs["reference"]).toBe(preview ? unknown : "localhost:5000/quorum/app@sha256:1");
    expect(outputs["replicas"]).toBe(2);
    expect(outputs["status"]).toBe(preview ? unknown : undefined);
    expect(JSON.stringify(showOutput(outputs))).not.toMatch(/hush|the kubeconfig/);
    expect(showOutput(outputs)).toMatchObject({ kubeconfig: "[secret]", nested: "[secret]" });
  });
});

describe("values on the wire", () => {
  test("come back as they went, secrets marked", () => {
    const values = { text: "a", list: [1, { b: null }], later: unknown, hidden: new SecretValue({ deep: ["x"] }) };
    const secretPaths: string[][] = [];
    const back = decode(encode(values).toJavaScript(), [], secretPaths);
    expect(back).toEqual({ text: "a", list: [1, { b: null }], later: unknown, hidden: { deep: ["x"] } });
    expect(secretPaths).toEqual([["hidden"]]);
  });

  test.each([
    ["", "a:b:C", "urn:pulumi:s::p::a:b:C::n"],
    ["urn:pulumi:s::p::pulumi:pulumi:Stack::p-s", "a:b:C", "urn:pulumi:s::p::a:b:C::n"],
    ["urn:pulumi:s::p::x:y:Z::parent", "a:b:C", "urn:pulumi:s::p::x:y:Z$a:b:C::n"],
    ["urn:pulumi:s::p::x:y:Z$k:l:M::parent", "a:b:C", "urn:pulumi:s::p::x:y:Z$k:l:M$a:b:C::n"],
  ])("the URN of a child of %j", (parent, type, urn) => expect(makeUrn("s", "p", parent, type, "n")).toBe(urn));
});
