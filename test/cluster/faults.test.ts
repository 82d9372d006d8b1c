import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { runProcess } from "../../engine/process.ts";
import { appUrl, editedDev, kubeconfig, list, pods, quorum, root, setPath, succeed, type Ended } from "./quorum.ts";

/** What a refused command says: one message, no stack trace, and a non-zero exit. */
function refusal({ code, stderr, stdout }: Ended): string {
  expect(code, stdout).not.toBe(0);
  expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  return stderr;
}

/** A folder to build an image from, with this Dockerfile alone. */
function appWith(dockerfile: string): string {
  const folder = mkdtempSync(join(tmpdir(), "quorum-app-"));
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  return folder;
}

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  await succeed(["up"]);
});

describe("what cannot work is refused by one clear message", () => {
  test("a misspelt key, before anything else", async () => {
    const edited = editedDev("misspelt", (config) => setPath(config, ["quorum:services", "metricsdemo", "replica"], 3));
    expect(refusal(await quorum(["up", "--config-file", edited]))).toMatch(
      /quorum:services\.metricsdemo\.replica\b.*replicas/s,
    );
  });

  test("two services on one port, a service without image and a wrong type, all in one message", async () => {
    const edited = editedDev("several", (config) => {
      setPath(config, ["quorum:services", "twin"], { image: "app", role: "web", port: 80, expose: { port: 9376 } });
      setPath(config, ["quorum:services", "bare"], { role: "web", port: 80 });
      setPath(config, ["quorum:monitoring", "prometheus", "retentionDays"], "long");
    });
    const said = refusal(await quorum(["up", "--config-file", edited]));
    expect(said).toMatch(/quorum:services\.twin\.expose\.port.*9376/);
    expect(said).toContain("quorum:services.bare.image");
    expect(said).toMatch(/quorum:monitoring\.prometheus\.retentionDays.*"long"/);
  });

  test("a context that does not exist", async () => {
    expect(refusal(await quorum(["preview", "--context", "no-such-context"]))).toContain("no-such-context");
  });

  test("a cluster that does not answer", async () => {
    const folder = mkdtempSync(join(tmpdir(), "quorum-kube-"));
    folders.push(folder);
    const file = join(folder, "config");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "gone", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "me", user: { token: "t" } }],
      contexts: [{ name: "gone", context: { cluster: "gone", user: "me" } }],
    };
    writeFileSync(file, JSON.stringify(config));
    const said = refusal(await quorum(["up", "--context", "gone"], { KUBECONFIG: file }));
    expect(said).toContain("gone");
    expect(said).toMatch(/127\.0\.0\.1:1/);
  });

  test("a context without credentials", async () => {
    const folder = mkdtempSync(join(tmpdir(), "quorum-kube-"));
    folders.push(folder);
    const file = join(folder, "config");
    const config = parse(readFileSync(kubeconfig, "utf8")) as Record<string, unknown>;
    const [context] = config["contexts"] as { name: string }[];
    writeFileSync(file, stringify({ ...config, users: [] }));
    const said = refusal(await quorum(["up", "--context", String(context?.name)], { KUBECONFIG: file }));
    expect(said).toContain(context?.name);
    expect(said).toMatch(/credentials/);
  });

  test("a host that SSH cannot reach", async () => {
    const edited = editedDev("nohost", (config) =>
      setPath(config, ["quorum:controlPlane", "hosts", "local-1", "address"], "10.210.0.99"),
    );
    const said = refusal(await quorum(["up", "--config-file", edited]));
    expect(said).toContain("10.210.0.99");
    expect(said).toContain("22");
  });

  test("a Dockerfile that fails: its last words are shown", async () => {
    const context = appWith(
      'ARG BASE\nFROM ${BASE}\nRUN ["node", "-e", "console.log(\'broken-on-purpose\'); process.exit(3)"]\n',
    );
    folders.push(context);
    const edited = editedDev("dockerfile", (config) =>
      setPath(config, ["quorum:images", "builds", "app", "context"], context),
    );
    expect(refusal(await quorum(["up", "--config-file", edited]))).toContain("broken-on-purpose");
  });

  test("a registry that refuses the push", async () => {
    const registry = createHttpServer((request, response) => {
      const open = request.url === "/v2/" && request.method === "GET";
      response.writeHead(open ? 200 : request.method === "HEAD" ? 404 : 403, { "content-type": "application/json" });
      response.end(open ? "{}" : JSON.stringify({ errors: [{ code: "DENIED", message: "pushes are closed" }] }));
    });
    await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
    const address = `localhost:${(registry.address() as AddressInfo).port}`;
    try {
      const edited = editedDev("registry", (config) => setPath(config, ["quorum:images", "registry"], address));
      const said = refusal(await quorum(["up", "--config-file", edited]));
      expect(said).toContain(address);
      expect(said).toMatch(/push|denied|refus/i);
    } finally {
      registry.close();
    }
  });

  test("a loopback port in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const edited = editedDev("port", (config) =>
        setPath(config, ["quorum:services", "metricsdemo", "expose", "port"], port),
      );
      expect(refusal(await quorum(["start", "--config-file", edited]))).toContain(String(port));
    } finally {
      server.close();
    }
  });

  test("two runs at once: one is refused and names the other, one succeeds", async () => {
    const both = await Promise.all([quorum(["up"]), quorum(["up"])]);
    const failed = both.filter(({ code }) => code !== 0);
    expect(failed).toHaveLength(1);
    for (const ended of failed) expect(refusal(ended)).toMatch(/another run of stack dev/);
  });

  test("a full disk while building", async () => {
    const cache = mkdtempSync(join(tmpdir(), "quorum-full-"));
    await runProcess("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", cache]);
    try {
      const code = `const { ensurePart } = await import(${JSON.stringify(join(root, "local/toolchain.ts"))}); await ensurePart("kubeconform", console.log);`;
      const ended = await runProcess(process.execPath, ["--input-type=module", "-e", code], {
        env: { XDG_CACHE_HOME: cache },
      });
      expect(ended.code).not.toBe(0);
      expect(ended.stderr).toMatch(/the disk is full; free some space/);
    } finally {
      await runProcess("umount", [cache]);
      rmSync(cache, { recursive: true });
    }
  });
});

describe("what goes wrong in the cluster is told by name, harms nobody, and the next up converges", () => {
  const servesOn = async () => expect((await fetch(`${appUrl}/health`)).status).toBe(200);

  test("an image that cannot be pulled", async () => {
    const edited = editedDev("digest", (config) =>
      setPath(config, ["quorum:images", "builds", "app", "digest"], `sha256:${"1".repeat(64)}`),
    );
    const said = refusal(await quorum(["up", "--config-file", edited]));
    expect(said).toMatch(/Deployment apps\/metricsdemo/);
    expect(said).toMatch(/ImagePull|ErrImage/);
    await servesOn();
    await succeed(["up"]);
    expect((await pods()).map(({ ready }) => ready)).toEqual([true, true]);
  });

  test("a pod that never gets ready", async () => {
    const edited = editedDev("role", (config) =>
      setPath(config, ["quorum:services", "metricsdemo", "role"], "no-such-role"),
    );
    const said = refusal(await quorum(["up", "--config-file", edited]));
    expect(said).toMatch(/Deployment apps\/metricsdemo/);
    expect(said).toMatch(/CrashLoopBackOff|Error/);
    await servesOn();
    await succeed(["up"]);
    expect((await pods()).map(({ ready }) => ready)).toEqual([true, true]);
  });

  test("an engine killed in the middle: the next up goes on, and no orphan stays", async () => {
    const services = Object.fromEntries(
      ["one", "two", "three"].map((name) => [
        name,
        { image: "app", role: "web", replicas: 1, port: 8080, scrape: false },
      ]),
    );
    const edited = editedDev("killed", (config) => {
      for (const [name, service] of Object.entries(services)) setPath(config, ["quorum:services", name], service);
    });
    const child = spawn("node", [join(root, "engine", "launch.js"), "up", "--config-file", edited], {
      cwd: root,
      detached: true,
      stdio: "ignore",
    });
    const pid = child.pid;
    if (pid === undefined) throw new Error("up did not start");
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // Killed as soon as the first of its objects is there: some are made, some are not.
    for (let round = 0; round < 300; round++) {
      if ((await list("serviceaccounts", "apps")).some(({ metadata }) => metadata.name in services)) break;
      await sleep(50);
    }
    process.kill(-pid, "SIGKILL");
    await ended;
    await succeed(["up"]);
    for (const kind of ["deployments", "services", "serviceaccounts"]) {
      expect(
        (await list(kind, "apps")).map(({ metadata }) => metadata.name).filter((name) => name in services),
      ).toEqual([]);
    }
    await servesOn();
  });
});
