import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { makeIdentity } from "../../components/control-plane/care/age.mjs";
import { secretVariable } from "../../engine/stack.ts";
import { binaryPath, ensurePart } from "../../local/toolchain.ts";
import { makeObjects, missingObjects } from "../cluster/many-objects.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { eventually, quorum, succeed } from "../cluster/quorum.ts";

/** The machine itself, as its local hosts see it: where the object store is, outside of the cluster. */
const outside = "10.210.0.1";
const port = 7443;
const bucket = "archives";
const accessKeyId = "quorum-backup";
const secretAccessKey = "not-a-secret-of-anybody";

const folder = mkdtempSync(join(tmpdir(), "quorum-archives-"));
const inFolder = (name: string) => join(folder, name);
const stored = () => readdirSync(inFolder(`store/${bucket}/etcd`)).sort();

const stack = () => ["--stack", own.name, "--config-file", own.stackFile()];

let own: OwnHosts;
let server: ChildProcess;

/** An authority of its own, and the server's certificate by it. */
function makeCertificate(): string {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-days", "2", "-subj", "/CN=archives", "-keyout", "ca.key", "-out", "ca.crt");
  openssl("req", ...key, "-subj", "/CN=store", "-keyout", "store.key", "-out", "store.csr");
  writeFileSync(inFolder("names"), `subjectAltName=IP:${outside}\n`);
  const signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-days", "1", "-extfile", "names", "-out", "store.crt"];
  openssl("x509", "-req", "-in", "store.csr", ...signed);
  return readFileSync(inFolder("ca.crt"), "utf8");
}

async function startStore(): Promise<void> {
  const tls = ["--cert", inFolder("store.crt"), "--key", inFolder("store.key")];
  const keys = ["--access", accessKeyId, "--secret", secretAccessKey];
  server = spawn(
    binaryPath("versitygw", "versitygw"),
    ["--port", `${outside}:${port}`, ...keys, ...tls, "--quiet", "posix", inFolder("store")],
    { stdio: "ignore" },
  );
  await eventually("the object store answers", 20, async () => {
    const socket = connect(port, outside);
    const answers = await Promise.race([once(socket, "connect"), once(socket, "error")]).then(
      () => true,
      () => undefined,
    );
    socket.destroy();
    return answers;
  });
}

async function stopStore(): Promise<void> {
  server.kill();
  if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
}

beforeAll(async () => {
  await ensurePart("versitygw", console.log);
  mkdirSync(inFolder(`store/${bucket}`), { recursive: true });
  const caCertificate = makeCertificate();
  const { recipient, identity } = makeIdentity();
  writeFileSync(inFolder("key"), `${identity}\n`, { mode: 0o600 });
  const secure = { secure: "kept in the environment" };
  const at = "controlPlane.etcd.backup.store.s3";
  vi.stubEnv(secretVariable(`${at}.accessKeyId`), accessKeyId);
  vi.stubEnv(secretVariable(`${at}.secretAccessKey`), secretAccessKey);
  const s3 = {
    ...{ endpoint: `https://${outside}:${port}`, bucket, prefix: "etcd", caCertificate },
    ...{ accessKeyId: secure, secretAccessKey: secure },
  };
  own = await OwnHosts.make(
    {
      name: "archives",
      hosts: { "archives-1": "10.210.0.51" },
      controlPlane: { etcd: { backup: { recipients: [recipient], store: { s3 } } } },
    },
    console.log,
  );
  await startStore();
  await own.up();
});

afterAll(async () => {
  await own.remove();
  await stopStore();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** Told in this order: each begins with the archives that the one before left. */
describe("archives of etcd in an object store", () => {
  test("are encrypted, read back before they are named, and listed", async () => {
    const { stdout } = await succeed(["backup", "run", "etcd", ...stack()]);
    expect(stdout).toMatch(/: whole\n[^]*stored archives-\d{8}T\d{6}Z-\d+\.tar\.age, /);
    const names = stored();
    expect(names).toEqual([
      expect.stringMatching(/^archives-\d{8}T\d{6}Z-\d+\.tar\.age$/),
      expect.stringMatching(/\.tar\.age\.json$/),
    ]);
    const file = inFolder(`store/${bucket}/etcd/${names[0] ?? ""}`);
    expect(readFileSync(file).subarray(0, 21).toString()).toBe("age-encryption.org/v1");
    const listed = await succeed(["backup", "list", "etcd", ...stack()]);
    expect(listed.stdout).toContain(`${names[0] ?? ""}  of `);
    expect(listed.stdout).toContain(`${statSync(file).size} bytes`);
  });

  test("are proved by the drill in the cluster, and by the site's own key outside of it", async () => {
    expect((await succeed(["backup", "drill", "etcd", ...stack()])).stdout).toContain("the drill succeeded");
    const { stdout } = await succeed(["backup", "fetch", "etcd", "--to", folder, ...stack()]);
    const archive = stdout.trim().split("\n").at(-1) ?? "";
    const drilled = await succeed(["backup", "drill", "etcd", "--from", archive, "--key", inFolder("key")]);
    expect(drilled.stdout).toContain("the drill succeeded");
    const { identity } = makeIdentity();
    writeFileSync(inFolder("other-key"), `${identity}\n`, { mode: 0o600 });
    const refused = await quorum(["backup", "drill", "etcd", "--from", archive, "--key", inFolder("other-key")]);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).not.toContain("the drill succeeded");
  });

  test("keep the credentials in one Secret, and in no log", async () => {
    const pods = await own.kubectl(["get", "pods,cronjobs,configmaps", "--all-namespaces", "--output", "yaml"]);
    expect(pods).not.toContain(secretAccessKey);
    const secrets = await own.kubectl(["get", "secrets", "--all-namespaces", "--output", "json"]);
    expect(secrets.split(Buffer.from(secretAccessKey).toString("base64"))).toHaveLength(2);
  });

  test("are not taken for new ones while the store does not answer, and grow again when it does", async () => {
    const before = stored();
    await stopStore();
    const failed = await quorum(["backup", "run", "etcd", ...stack()]);
    expect(failed.code).toBe(1);
    expect(failed.stdout).not.toMatch(/^.*stored archives-/m);
    expect(stored()).toEqual(before);
    await startStore();
    await succeed(["backup", "run", "etcd", ...stack()]);
    expect(stored()).toHaveLength(before.length + 2);
  });

  test("bring the cluster back on a machine that has nothing, with its authorities and its encrypted Secrets", async () => {
    const authority = () => own.ssh("archives-1", "sha256sum < /etc/kubernetes/pki/ca.crt");
    const [before, objects] = [await authority(), 50];
    await makeObjects(own, "keep", objects);
    const secret = ["secret", "opened", "--namespace", "keep"];
    await own.kubectl(["create", "secret", "generic", ...secret.slice(1), "--from-literal=word=kept"]);
    await succeed(["backup", "run", "etcd", ...stack()]);
    const { stdout } = await succeed(["backup", "fetch", "etcd", "--to", folder, ...stack()]);
    const archive = stdout.trim().split("\n").at(-1) ?? "";
    await own.kubectl(["create", "configmap", "after", "--namespace", "keep"]);

    await own.remake("archives-1");
    const from = ["--dead", "archives-1", "--from", archive];
    const closed = await own.tryOperate("recover", ...from, "--key", inFolder("other-key"));
    expect([closed.code, closed.stderr]).toEqual([
      1,
      expect.stringContaining("none of the given keys opens this file"),
    ]);
    const { seconds } = await own.operate("recover", ...from, "--key", inFolder("key"));
    console.log(`recovered from the archive in ${Math.round(seconds)} s`);
    expect(await authority()).toBe(before);
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
    expect(await own.kubectl(["get", ...secret, "--output", "jsonpath={.data.word}"])).toBe(btoa("kept"));
    const after = await own.tryKubectl(["get", "configmap", "after", "--namespace", "keep"]);
    expect(after.stderr).toContain("not found");
    // The store's credentials came back with the data, so the care goes on.
    await succeed(["backup", "run", "etcd", ...stack()]);
  });
});
