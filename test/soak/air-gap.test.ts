import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { stringify } from "yaml";
import { runProcess } from "../../engine/process.ts";
import { gatewayOf } from "../../local/hosts.ts";
import { binaryPath } from "../../local/toolchain.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { eventually, succeed } from "../cluster/quorum.ts";

const host = "air-gap-1";
const port = 5081;
let own: OwnHosts;
let folder: string;
let site: string;
let stopRegistry: () => void = () => undefined;

/** The site's own registry, empty, where only the host and whoever installs reach it. */
async function serveRegistry(address: string): Promise<() => void> {
  const config = join(folder, "registry.json");
  const storage = { filesystem: { rootdirectory: join(folder, "registry") } };
  writeFileSync(
    config,
    JSON.stringify({ version: 0.1, log: { level: "error" }, storage, http: { addr: `${address}:${port}` } }),
  );
  const env = { ...process.env, OTEL_TRACES_EXPORTER: "none" };
  const child = spawn(binaryPath("registry", "registry"), ["serve", config], { stdio: "ignore", env });
  await eventually("the site's registry", 30, async () =>
    (await fetch(`http://${address}:${port}/v2/`).catch(() => undefined))?.ok ? true : undefined,
  );
  return () => child.kill();
}

/** The digest of the app's image that stack dev runs. */
async function appDigest(): Promise<string> {
  const accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
  const answer = await fetch("http://localhost:5000/v2/quorum/app/manifests/dev", {
    method: "HEAD",
    headers: { accept },
  });
  return answer.headers.get("docker-content-digest") ?? "";
}

async function bundle(): Promise<string> {
  const off = { enabled: false };
  const config = {
    "quorum:images": {
      registry: "localhost:5000",
      mirror: "localhost:5000",
      builds: { app: { context: "app", digest: await appDigest() } },
    },
    "quorum:services": { metricsdemo: { image: "app", role: "web", replicas: 2, port: 80 } },
    "quorum:storage": { provisioner: "existing", className: "none" },
    "quorum:monitoring": { prometheus: off, metricsServer: off },
    "quorum:controlPlane": { mode: "existing", context: "island" },
  };
  const [file, out] = [join(folder, "island.yaml"), join(folder, "island.tar")];
  writeFileSync(file, stringify({ config }));
  await succeed(["bundle", "--stack", "island", "--config-file", file, "--out", out]);
  return out;
}

const install = (timeout: string) =>
  runProcess(
    "timeout",
    [timeout, join(folder, "island", "install.sh"), site, "--http", "--kubeconfig", own.kubeconfig],
    {
      env: { PATH: `${dirname(binaryPath("kubernetes", "kubectl"))}:${process.env["PATH"] ?? ""}` },
    },
  );

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "island-"));
  own = await OwnHosts.make({ name: "air-gap", hosts: { [host]: "10.210.0.81" } });
  await own.up();
  // The cluster stays, without anything of the stack that made it.
  await succeed(["down", ...own.flags()]);
  const gateway = gatewayOf(own.hosts);
  site = `${gateway}:${port}`;
  stopRegistry = await serveRegistry(gateway);
  const trust = `server = "http://${site}"\n[host."http://${site}"]\n  capabilities = ["pull", "resolve"]\n`;
  // The registry that the host was made with is taken from it: what is pulled now comes from the bundle.
  await own.ssh(
    host,
    `cd /etc/containerd/certs.d; rm localhost:5000/hosts.toml; mkdir ${site}; printf '%s' '${trust}' > ${site}/hosts.toml`,
  );
  mkdirSync(join(folder, "island"));
  await runProcess("tar", ["-C", join(folder, "island"), "-xf", await bundle()]);
});
afterAll(async () => {
  stopRegistry();
  await own.remove();
  rmSync(folder, { recursive: true, force: true });
});

it("the site has no way out", async () => {
  expect(await own.ssh(host, "ip route show default")).toBe("");
  expect((await own.trySsh(host, "curl --silent --max-time 5 http://localhost:5000/v2/")).code).not.toBe(0);
  expect(await own.kubectl(["get", "deployments", "--all-namespaces", "--output", "name"])).not.toContain(
    "metricsdemo",
  );
});

it("an install that is ended in the middle goes on when it is run again, and the app answers", async () => {
  const cut = await install("2s");
  expect(cut.code).not.toBe(0);
  const whole = await install("600s");
  expect(whole.stdout + whole.stderr).toMatch(/installed\n$/);

  const address = await own.kubectl([
    "get",
    "service",
    "metricsdemo",
    "-n",
    "apps",
    "-o",
    "jsonpath={.spec.clusterIP}",
  ]);
  const answer = await eventually("the app's answer", 60, async () => {
    const asked = await own.trySsh(host, `curl --silent --fail --max-time 5 http://${address}/api/job/run/wakeUp`);
    return asked.code === 0 ? asked.stdout : undefined;
  });
  expect(answer).not.toBe("");
  const images = await own.kubectl([
    "get",
    "pods",
    "-n",
    "apps",
    "-o",
    "jsonpath={.items[*].spec.containers[*].image}",
  ]);
  for (const image of images.split(" "))
    expect(image).toMatch(new RegExp(`^${site}/quorum/app:.*@${await appDigest()}$`));
});

it("its policy trusts the site's registry and no other", async () => {
  const tried = await own.tryKubectl([
    "run",
    "stranger",
    "-n",
    "default",
    "--image",
    "localhost:5000/library/busybox:1.35.0",
  ]);
  expect(tried.code).not.toBe(0);
  expect(tried.stderr).toContain(site);
});

it("run once more it changes nothing", async () => {
  const pods = () => own.kubectl(["get", "pods", "-n", "apps", "-o", "jsonpath={.items[*].metadata.uid}"]);
  const before = await pods();
  expect((await install("600s")).code).toBe(0);
  expect(await pods()).toBe(before);
});
