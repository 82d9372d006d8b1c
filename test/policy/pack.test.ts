import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import analyzerRpc from "@pulumi/pulumi/proto/analyzer_grpc_pb.js";
import analyzer from "@pulumi/pulumi/proto/analyzer_pb.js";
import { runtime } from "@pulumi/pulumi";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct, { type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ruleNames } from "../../policy/rule-names.ts";
import { stackSections } from "../stacks.ts";
import { deployment } from "./objects.ts";

const root = join(import.meta.dirname, "../..");
const folder = join(root, "policy");
let server: ChildProcess;
let client: InstanceType<typeof analyzerRpc.AnalyzerClient>;

/** The program by which the Pulumi CLI runs a pack, with what the CLI gives it; without a compile step, as index.ts. */
beforeAll(async () => {
  const sections = Object.entries(stackSections("prod"));
  const config = Object.fromEntries(sections.map(([key, value]) => [`quorum:${key}`, JSON.stringify(value)]));
  server = spawn(
    process.execPath,
    [join(root, "node_modules/@pulumi/pulumi/cmd/run-policy-pack"), "127.0.0.1:1", folder],
    { cwd: folder, env: { ...process.env, PULUMI_CONFIG: JSON.stringify(config), PULUMI_NODEJS_STACK: "prod" } },
  );
  const port = await new Promise<string>((resolve, reject) => {
    let said = "";
    server.stderr?.on("data", (text) => (said += String(text)));
    server.stdout?.on("data", (text) => {
      const line = /^(\d+)\n/.exec(String(text));
      if (line?.[1] !== undefined) resolve(line[1]);
    });
    server.on("exit", (code) => {
      reject(new Error(`the pack ended with ${String(code)}: ${said}`));
    });
  });
  client = new analyzerRpc.AnalyzerClient(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterAll(() => {
  client.close();
  server.kill();
});

type Props = Record<string, unknown>;

const structOf = (props: Props) => struct.Struct.fromJavaScript(props as Record<string, JavaScriptValue>);
const options = () => new analyzer.AnalyzerResourceOptions();

function analyze(props: Props): Promise<string[]> {
  const request = new analyzer.AnalyzeRequest();
  request.setType("kubernetes:apps/v1:Deployment");
  request.setName("web");
  request.setUrn("urn:pulumi:prod::quorum::kubernetes:apps/v1:Deployment::web");
  request.setProperties(structOf(props));
  request.setOptions(options());
  return new Promise((resolve, reject) => {
    client.analyze(request, (error, answer) => {
      if (error) reject(error);
      else resolve(lines(answer.getDiagnosticsList()));
    });
  });
}

function analyzeStack(all: readonly Props[]): Promise<string[]> {
  const request = new analyzer.AnalyzeStackRequest();
  request.setResourcesList(
    all.map((props, index) => {
      const resource = new analyzer.AnalyzerResource();
      resource.setType("kubernetes:apps/v1:Deployment");
      resource.setName(`r${index}`);
      resource.setUrn(`urn:pulumi:prod::quorum::kubernetes:apps/v1:Deployment::r${index}`);
      resource.setProperties(structOf(props));
      resource.setOptions(options());
      return resource;
    }),
  );
  return new Promise((resolve, reject) => {
    client.analyzeStack(request, (error, answer) => {
      if (error) reject(error);
      else resolve(lines(answer.getDiagnosticsList()));
    });
  });
}

const levels: Readonly<Record<number, string>> = { 0: "advisory", 1: "mandatory" };
const lines = (all: readonly InstanceType<typeof analyzer.AnalyzeDiagnostic>[]) =>
  all.map((one) => `${levels[one.getEnforcementlevel()] ?? "?"} ${one.getPolicyname()}: ${one.getMessage()}`);

describe("the policy pack", () => {
  it("has every rule, each with a description", async () => {
    const info = await new Promise<InstanceType<typeof analyzer.AnalyzerInfo>>((resolve, reject) => {
      client.getAnalyzerInfo(new empty.Empty(), (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
    expect(info.getName()).toBe("quorum");
    expect(info.getPoliciesList().map((policy) => policy.getName())).toEqual([...ruleNames]);
    expect(info.getPoliciesList().every((policy) => policy.getDescription().length > 20)).toBe(true);
  });

  it("lets an object pass that keeps to the rules", async () => {
    expect(await analyze(deployment())).toEqual([]);
  });

  it("stops prod at an object that breaks one, before it is made", async () => {
    expect(await analyze(deployment({ image: "docker.io/evil/web:latest" }))).toEqual([
      expect.stringMatching(/^mandatory pinned-images: .*"docker\.io\/evil\/web:latest".*; add the digest/s),
      expect.stringMatching(/^mandatory trusted-registries: .*evil.*; copy it/s),
    ]);
  });

  it("goes on where a value is known only after up", async () => {
    expect(await analyze(deployment({ image: runtime.unknownValue }))).toEqual([]);
    expect(await analyze(deployment({ image: runtime.unknownValue, livenessProbe: undefined }))).toEqual([
      expect.stringMatching(/^mandatory probes: .*livenessProbe is missing/s),
    ]);
  });

  it("sees what only all objects together show", async () => {
    expect(await analyzeStack([deployment({}, { replicas: 3 })])).toEqual([
      expect.stringMatching(/^mandatory budgets: .*spec\.replicas is 3.*; add one/s),
    ]);
    expect(await analyzeStack([deployment()])).toEqual([]);
  });

  it("knows the exceptions of the stack's file", async () => {
    const provisioner = deployment(
      { livenessProbe: undefined, readinessProbe: undefined },
      {},
      "local-path-provisioner",
    );
    const placed = { ...provisioner, metadata: { ...provisioner.metadata, namespace: "local-path-storage" } };
    expect(await analyze(placed)).toEqual([]);
    // Before the cluster is there, the namespace is not known either.
    const unplaced = { ...provisioner, metadata: { ...provisioner.metadata, namespace: runtime.unknownValue } };
    expect(await analyze(unplaced)).toEqual([]);
    const other = { ...unplaced, metadata: { ...unplaced.metadata, name: "other" } };
    expect(await analyze(other)).toContainEqual(expect.stringMatching(/^mandatory probes: .*Deployment \?\/other/s));
  });
});
