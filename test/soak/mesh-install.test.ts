import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { succeed } from "../cluster/quorum.ts";
import { appImages, lonePrometheus, smallMesh } from "../cluster/small-sections.ts";

const host = "meshed-1";
const app = { image: "app", role: "web", replicas: 1 };
const sections = {
  images: appImages,
  services: {
    web: { ...app, ingress: { hostname: "web.example.com", tls: {} } },
    front: { ...app, calls: ["web"], ingress: { hostname: "front.example.com" } },
    stranger: app,
  },
  jobs: {
    pi: { image: "perl", command: ["perl", "-e", "print 42"] },
    tick: { schedule: "*/1 * * * *", call: "web/health" },
  },
  ingress: { controller: "istio", replicas: 1, expose: { httpPort: 8088, httpsPort: 443 } },
  mesh: smallMesh,
  storage: { provisioner: "local-path", retain: false },
  monitoring: lonePrometheus,
};

/** Calls a URL from inside a pod; the answer's status, or why there was none. */
const ask = `
const [url] = process.argv.slice(1);
fetch(url, { signal: AbortSignal.timeout(5000) }).then(
  ({ status }) => console.log(status),
  (error) => console.log(String(error.cause?.code ?? error.name)),
);`;

interface Target {
  readonly labels: { readonly job: string };
  readonly scrapeUrl: string;
  readonly health: string;
  readonly lastError: string;
}

describe("a stack that installs Istio", () => {
  let own: OwnHosts;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const addressOf = async (namespace: string, selector: string) =>
    own.kubectl(["get", "pods", "-n", namespace, "-l", selector, "-o", "jsonpath={.items[0].status.podIP}"]);
  const called = async (from: string, url: string) =>
    (await own.kubectl(["exec", "-n", "apps", `deployment/${from}`, "-c", from, "--", "node", "-e", ask, url])).trim();
  /** curl on the host, which is no part of the mesh. */
  const curl = async (args: string) =>
    (await own.trySsh(host, `curl -s -m 5 -o /dev/null -w '%{http_code} %{redirect_url}' ${args}`)).stdout.trim();

  beforeAll(async () => {
    own = await OwnHosts.make({ name: "meshed", hosts: { [host]: "10.210.0.71" }, sections }, say);
    const { seconds } = await own.up();
    say(`up with the mesh, from a bare host: ${Math.round(seconds)} s`);
  });
  afterAll(async () => own.remove());

  test("gives each pod of a service a proxy, in a namespace that stays restricted", async () => {
    const pods = ["get", "pods", "-n", "apps", "-l", "app=web", "-o"];
    const path = "jsonpath={.items[0].spec.initContainers[*].name}";
    expect((await own.kubectl([...pods, path])).split(" ")).toEqual(["istio-validation", "istio-proxy"]);
    const label = "jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}";
    expect(await own.kubectl(["get", "namespace", "apps", "-o", label])).toBe("restricted");
  });

  test("lets a declared call pass, and refuses plain text and whoever did not declare it", async () => {
    expect(await called("front", "http://web:8080/health")).toBe("200");
    expect(await called("stranger", "http://web:8080/health")).not.toBe("200");
    expect(await curl(`http://${await addressOf("apps", "app=web")}:8080/health`)).toBe("000");
  });

  test("ends a Job whose pod has a proxy", async () => {
    const job = await own.kubectl([
      "get",
      "pods",
      "-n",
      "apps",
      "-l",
      "app=pi",
      "-o",
      "jsonpath={.items[0].status.phase}",
    ]);
    expect(job).toBe("Succeeded");
  });

  test("ends a run of a CronJob, whose declared call passes", async () => {
    const ofTick = ["get", "jobs", "-n", "apps", "-l", "app=tick", "-o"];
    const succeeded = "jsonpath={.items[?(@.status.succeeded==1)].metadata.name}";
    await expect
      .poll(() => own.kubectl([...ofTick, succeeded]), { timeout: 150_000, interval: 2000 })
      .toMatch(/^tick-/);
    const pods = ["get", "pods", "-n", "apps", "-l", "app=tick", "-o"];
    expect(await own.kubectl([...pods, "jsonpath={.items[0].spec.initContainers[*].name}"])).toContain("istio-proxy");
  });

  test("has all of it scraped through mutual TLS", async () => {
    const address = await addressOf("monitoring", "app=prometheus-server");
    const meshed = async () => {
      const answer = await own.ssh(host, `curl -s -m 10 'http://${address}:9090/api/v1/targets?state=active'`);
      const { data } = JSON.parse(answer) as { data: { activeTargets: Target[] } };
      return data.activeTargets.filter(({ labels }) => ["business-metrics", "istio-proxy"].includes(labels.job));
    };
    // Three services, each by its own port and by its proxy's.
    for (let tries = 0; (await meshed()).filter(({ health }) => health === "up").length < 6; tries++) {
      if (tries === 30) expect(await meshed()).toEqual([]);
      await sleep(2000);
    }
    const targets = await meshed();
    expect(targets).toHaveLength(6);
    expect(targets.filter(({ scrapeUrl }) => !scrapeUrl.startsWith("https://"))).toEqual([]);
  });

  test("lets the outside in by name: with a certificate where there is one, and by a redirect to it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "edge-"));
    try {
      const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
      const subject = ["-subj", "/CN=web.example.com", "-addext", "subjectAltName=DNS:web.example.com"];
      execFileSync(
        "openssl",
        [
          "req",
          "-x509",
          "-newkey",
          "rsa:2048",
          "-nodes",
          "-days",
          "2",
          ...subject,
          "-keyout",
          key,
          "-out",
          certificate,
        ],
        { stdio: "pipe" },
      );
      await own.kubectl(["create", "secret", "tls", "web-tls", "-n", "ingress", "--key", key, "--cert", certificate]);
      const gateway = await addressOf("ingress", "app=istio-ingress");
      const plain = (name: string) => curl(`-H 'Host: ${name}' http://${gateway}:8088/health`);
      await own.ssh(host, `cat >/tmp/edge.pem <<'END'\n${readFileSync(certificate, "utf8")}END`);
      const secure = () =>
        curl(`--cacert /tmp/edge.pem --resolve web.example.com:443:${gateway} https://web.example.com/health`);
      for (let tries = 0; tries < 15 && (await secure()) !== "200"; tries++) await sleep(1000);
      expect(await secure()).toBe("200");
      expect(await plain("front.example.com")).toBe("200");
      expect(await plain("web.example.com")).toBe("301 https://web.example.com/health");
      expect(await plain("nobody.example.com")).toBe("404");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("leaves istiod's webhooks alone when it comes up again", async () => {
    const webhook = "mutatingwebhookconfiguration/istio-sidecar-injector";
    const authority = "jsonpath={.webhooks[*].clientConfig.caBundle}";
    const before = await own.kubectl(["get", webhook, "-o", authority]);
    expect(before.length).toBeGreaterThan(500);
    const { stdout } = await own.up();
    expect(stdout).toMatch(/^nothing to change: /m);
    expect(await own.kubectl(["get", webhook, "-o", authority])).toBe(before);
  });

  test("leaves nothing behind when it is taken down, on the host neither", async () => {
    const { stdout } = await succeed(["down", ...own.flags()]);
    expect(stdout).toMatch(/\d+ deleted/);
    const kinds = (await own.kubectl(["api-resources", "--verbs=list", "--output", "name"])).trim().split("\n");
    expect(kinds.filter((kind) => kind.endsWith(".istio.io"))).toEqual([]);
    const asked = kinds.filter((kind) => !/^(events|componentstatuses)/.test(kind)).join(",");
    const ours = [
      "--selector",
      "quorum.dev/stack=meshed",
      "--all-namespaces",
      "--output",
      "name",
      "--ignore-not-found",
    ];
    expect((await own.kubectl(["get", asked, ...ours])).trim()).toBe("");
    const everywhere = "clusterroles,clusterrolebindings,validatingwebhookconfigurations,mutatingwebhookconfigurations";
    expect(await own.kubectl(["get", everywhere, "--output", "name"])).not.toContain("istio");
    const namespaces = (await own.kubectl(["get", "namespaces", "--output", "name"])).trim().split("\n").sort();
    expect(namespaces).toEqual(
      ["default", "kube-node-lease", "kube-public", "kube-system"].map((one) => `namespace/${one}`),
    );
    // What istio-cni put on the host would break every pod to come once nobody answers it.
    expect(await own.ssh(host, "grep -l istio -r /etc/cni/net.d || true")).toBe("");
    expect(await own.ssh(host, "ls /usr/lib/cni | grep istio || true; iptables-save | grep -i istio || true")).toBe("");
  });
});
