import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { runProcess } from "../../engine/process.ts";
import { editedDev, kubeconfig, quorum, refusal, root, setPath } from "./quorum.ts";

/** A folder to build an image from, with this Dockerfile alone. */
function appWith(dockerfile: string): string {
  const folder = mkdtempSync(join(tmpdir(), "quorum-app-"));
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  return folder;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
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
