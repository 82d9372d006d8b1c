import * as k8s from "@pulumi/kubernetes";
import { createServer, type IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GeneratedSecrets } from "../../components/platform/generated-secrets.ts";
import { caller, ensureSecrets, randomText } from "../../components/platform/generate-secrets.mjs";
import { record } from "../recorder.ts";

const secrets = [{ name: "shop-database", keys: ["password", "user"], length: 32 }];
const make = (preview: boolean, image = "node:24", wanted = secrets) =>
  record(() => void new GeneratedSecrets("generated", { namespace: "apps", secrets: wanted, image, stack: "dev" }), {
    preview,
  });
const jobName = async (image?: string, wanted = secrets) =>
  ((await make(false, image, wanted)).get("generated-job").inputs["metadata"] as { name: string }).name;

describe("GeneratedSecrets", () => {
  it.each([true, false])("makes the same objects, and no Secret (preview %s)", async (preview) => {
    expect((await make(preview)).names().slice(1).sort()).toEqual([
      "kubernetes:batch/v1:Job::generated-job",
      "kubernetes:core/v1:ConfigMap::generated-program",
      "kubernetes:core/v1:ServiceAccount::generated-account",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::generated-role",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::generated-binding",
      "quorum:platform:GeneratedSecrets::generated",
    ]);
  });

  it("may make Secrets, and touch those of its own by name", async () => {
    expect((await make(false)).get("generated-role").inputs["rules"]).toEqual([
      { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["shop-database"], verbs: ["get", "update"] },
    ]);
  });

  it("runs anew only when what it makes changes", async () => {
    expect(await jobName()).toBe(await jobName());
    expect(await jobName()).not.toBe(await jobName("node:25"));
    expect(await jobName()).not.toBe(await jobName("node:24", [{ name: "other", keys: ["a"], length: 32 }]));
  });

  it("has its rights before it runs", async () => {
    const recording = await make(false);
    expect(recording.get("generated-job").dependencies).toContain(recording.get("generated-binding").urn);
  });

  it("is waited for by what takes the namespace from it", async () => {
    const recording = await record(() => {
      const { namespace } = new GeneratedSecrets("generated", {
        namespace: "apps",
        secrets,
        image: "node:24",
        stack: "dev",
      });
      new k8s.core.v1.ConfigMap("user", { metadata: { name: "user", namespace } });
    });
    expect(recording.get("user").inputs["metadata"]).toMatchObject({ namespace: "apps" });
    expect(recording.get("user").dependencies).toEqual([recording.get("generated-job").urn]);
  });
});

interface Stored {
  metadata: { name: string; resourceVersion: string; labels?: Record<string, string> };
  data?: Record<string, string>;
}

/** As much of an API server as Secrets need: versions, conflicts, refusals. */
describe("the program that makes them", () => {
  const stored = new Map<string, Stored>();
  const calls: string[] = [];
  let beforeWrite: (() => void) | undefined;
  let refuse = false;
  let version = 0;
  const server = createServer((request, response) => {
    void answer(request).then(([status, body]) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  let run: (wanted?: typeof secrets) => Promise<string[]>;

  async function answer(request: IncomingMessage): Promise<[number, unknown]> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const name = request.url?.split("/secrets/")[1];
    calls.push(`${request.method} ${request.url}`);
    const status = (code: number, message: string): [number, unknown] => [code, { kind: "Status", message }];
    if (request.headers.authorization !== "Bearer token") return status(401, "Unauthorized");
    if (refuse) return status(403, "secrets is forbidden");
    if (request.method === "GET") {
      const found = stored.get(name ?? "");
      return found === undefined ? status(404, "not found") : [200, found];
    }
    beforeWrite?.();
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Stored;
    const before = stored.get(body.metadata.name);
    const free =
      request.method === "POST"
        ? before === undefined
        : before?.metadata.resourceVersion === body.metadata.resourceVersion;
    if (!free) return status(409, "conflict");
    const written = { ...body, metadata: { ...body.metadata, resourceVersion: String(++version) } };
    stored.set(body.metadata.name, written);
    return [request.method === "POST" ? 201 : 200, written];
  }

  beforeEach(async () => {
    stored.clear();
    calls.length = 0;
    beforeWrite = undefined;
    refuse = false;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    run = (wanted = secrets) =>
      ensureSecrets({
        api: `http://127.0.0.1:${port}`,
        namespace: "apps",
        labels: { a: "b" },
        secrets: wanted,
        call: caller("token"),
      });
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const values = (name: string) =>
    Object.fromEntries(
      Object.entries(stored.get(name)?.data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, "base64").toString(),
      ]),
    );

  it("makes what is not there, and says no value", async () => {
    const lines = await run();
    expect(lines).toEqual(["shop-database: made"]);
    const made = values("shop-database");
    expect(made).toEqual({
      password: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
      user: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
    });
    expect(made["password"]).not.toBe(made["user"]);
    expect(stored.get("shop-database")?.metadata.labels).toEqual({ a: "b" });
  });

  it("changes nothing that is there, however often it runs", async () => {
    await run();
    const first = values("shop-database");
    expect(await run()).toEqual(["shop-database: is there"]);
    expect(values("shop-database")).toEqual(first);
    expect(calls.filter((call) => !call.startsWith("GET"))).toHaveLength(1);
  });

  it("adds a key that is missing, and leaves all others", async () => {
    const theirs = Buffer.from("chosen").toString("base64");
    stored.set("shop-database", {
      metadata: { name: "shop-database", resourceVersion: "7" },
      data: { user: theirs, more: "eA==" },
    });
    expect(await run()).toEqual(["shop-database: added password"]);
    expect(values("shop-database")).toEqual({ user: "chosen", more: "x", password: expect.stringMatching(/^\w{32}$/) });
  });

  it("takes what another made in the same moment", async () => {
    beforeWrite = () => {
      beforeWrite = undefined;
      const data = { password: "cGFzcw==", user: "dXNlcg==" };
      stored.set("shop-database", { metadata: { name: "shop-database", resourceVersion: "8" }, data });
    };
    expect(await run()).toEqual(["shop-database: is there"]);
    expect(values("shop-database")).toEqual({ password: "pass", user: "user" });
  });

  it("begins anew when a Secret changes between its reading and its writing", async () => {
    stored.set("shop-database", { metadata: { name: "shop-database", resourceVersion: "7" }, data: {} });
    beforeWrite = () => {
      beforeWrite = undefined;
      stored.set("shop-database", {
        metadata: { name: "shop-database", resourceVersion: "9" },
        data: { user: "dXNlcg==" },
      });
    };
    expect(await run()).toEqual(["shop-database: added password"]);
    expect(values("shop-database")).toMatchObject({ user: "user" });
  });

  it("says what the API server says, without a value", async () => {
    refuse = true;
    await expect(run()).rejects.toThrow("reading shop-database: status 403: secrets is forbidden");
  });

  it("chooses letters and digits evenly", () => {
    const text = randomText(62_000);
    const counts = [...Map.groupBy(text, (letter) => letter).values()].map((each) => each.length);
    expect(counts).toHaveLength(62);
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
  });
});
