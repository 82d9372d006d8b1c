import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { request } from "node:https";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureImages } from "../../local/images.ts";
import { binaryPath } from "../../local/toolchain.ts";
import { gatewayOf } from "../../local/hosts.ts";
import { Browser } from "../cluster/browser.ts";
import { got, hookService } from "../cluster/hook.ts";
import { type IdentityProvider, signInAt, startProvider } from "../cluster/identity-provider.ts";
import { OwnStack, type Sections } from "../cluster/own-stack.ts";
import { eventually, kubeconfig, kubectl, only, pods } from "../cluster/quorum.ts";
import { Authority, certificatesOf, defineCertificates, forgetCertificates, playIssuer } from "./test-issuer.ts";

const stack = new OwnStack("secure");
const [hookPort, shopPort] = [9489, 9490];
const issuer = "authority-of-the-test";
const hostname = "prometheus.example.com";
const client = { id: "quorum", secret: "of the test", redirectUrl: `https://${hostname}/oauth2/callback` };
const stopped = new AbortController();

let authority: Authority;
let stranger: Authority;
let issuing: Promise<void>;
let provider: IdentityProvider;
const forwards: ChildProcess[] = [];

const sections = (): Sections => ({
  services: {
    shop: {
      image: "app",
      role: "web",
      replicas: 1,
      expose: { port: shopPort },
      resources: { cpuMillis: 20, memoryMiB: 96 },
    },
    hook: hookService(hookPort),
  },
  monitoring: {
    tls: { issuer },
    prometheus: {
      enabled: true,
      scrapeIntervalSeconds: 5,
      retentionDays: 1,
      cpuMillis: 50,
      ingress: { hostname, tls: {} },
    },
    metricsServer: { enabled: false },
    alertmanager: {
      enabled: true,
      replicas: 2,
      receivers: { hook: { webhook: { call: "hook/alerts" } } },
      deadMansSwitch: { call: "hook/heartbeat", intervalSeconds: 10 },
    },
    loki: { enabled: true, storageGiB: 1, retentionDays: 1, cpuMillis: 50, memoryMiB: 256 },
    zipkin: { enabled: true, maxSpans: 10_000, cpuMillis: 50, memoryMiB: 384 },
    collector: { gateway: { cpuMillis: 20 } },
    signIn: {
      issuerUrl: provider.issuerUrl,
      clientId: client.id,
      clientSecret: client.secret,
      caCertificate: provider.certificate,
    },
  },
});

const proxied = (service: string, path: string) => [
  "get",
  "--raw",
  `/api/v1/namespaces/${stack.monitoring}/services/${service}/proxy/${path}`,
];
const ask = async <T>(service: string, path: string) => JSON.parse(await kubectl(proxied(service, path))) as T;

interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapeUrl: string;
  readonly health: string;
  readonly lastError: string;
}
async function targets(): Promise<Target[]> {
  const { data } = await ask<{ data: { activeTargets: Target[] } }>("https:prometheus:9090", "api/v1/targets");
  return data.activeTargets;
}
async function value(expression: string): Promise<string | undefined> {
  const path = `api/v1/query?query=${encodeURIComponent(expression)}`;
  const answer = await ask<{ data: { result: { value: [number, string] }[] } }>("https:prometheus:9090", path);
  return answer.data.result[0]?.value[1];
}
async function linesOf(query: string): Promise<string[]> {
  const path = `loki/api/v1/query_range?query=${encodeURIComponent(query)}&since=1h`;
  const answer = await ask<{ data: { result: { values: [string, string][] }[] } }>("https:loki:3100", path);
  return answer.data.result.flatMap(({ values }) => values.map(([, text]) => text));
}

/** Opens a port of this machine to one of the monitoring's. */
function forward(target: string, port: number): Promise<number> {
  const args = ["--kubeconfig", kubeconfig, "port-forward", "--namespace", stack.monitoring, target, `:${port}`];
  const process = spawn(binaryPath("kubernetes", "kubectl"), args, { stdio: ["ignore", "pipe", "pipe"] });
  forwards.push(process);
  return new Promise((resolve, reject) => {
    let said = "";
    const read = (chunk: Buffer) => {
      said += chunk.toString();
      const found = /127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve(Number(found));
    };
    process.stdout.on("data", read);
    process.stderr.on("data", read);
    process.on("exit", (code) => reject(new Error(`kubectl port-forward ended with ${code}: ${said}`)));
  });
}

/** Sends a log line as an application would. */
function sendLine(port: number, text: string, ca: string): Promise<number | undefined> {
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const body = JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: [attribute("service.name", "shop"), attribute("k8s.namespace.name", stack.apps)] },
        scopeLogs: [{ logRecords: [{ timeUnixNano: `${Date.now()}000000`, body: { stringValue: text } }] }],
      },
    ],
  });
  const options = { port, ca, path: "/v1/logs", method: "POST", headers: { "content-type": "application/json" } };
  return new Promise((resolve, reject) => {
    const call = request({ ...options, host: "localhost", agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    });
    call.on("error", reject).end(body);
  });
}

const lokiTarget = async () => (await targets()).find(({ labels }) => labels["job"] === "loki");
const issueForLoki = async (by: Authority) => {
  const found = (await certificatesOf([stack.monitoring])).find(({ spec }) => spec.secretName === "loki-server-tls");
  if (found === undefined) throw new Error("there is no Certificate of Loki");
  await by.issue(found, authority.certificate);
};

beforeAll(async () => {
  await ensureImages(
    ["node", "oauth2-proxy", "prometheus", "alertmanager", "loki", "opentelemetry-collector-gateway", "zipkin"],
    console.log,
  );
  [authority, stranger] = await Promise.all([Authority.make("authority"), Authority.make("stranger")]);
  provider = await startProvider(gatewayOf([]), client, { anna: [] });
  await defineCertificates();
  issuing = playIssuer(authority, [stack.apps, stack.monitoring], stopped.signal);
  await stack.up(sections());
}, 600_000);
afterAll(async () => {
  for (const process of forwards) process.kill();
  stopped.abort();
  provider.stop();
  await issuing;
  await stack.down();
  await forgetCertificates();
  for (const one of [authority, stranger]) one.forget();
}, 180_000);

describe("a monitoring with certificates", () => {
  test("asks the issuer for one for each part that serves, and for the authority where there are only callers", async () => {
    const all = await certificatesOf([stack.apps, stack.monitoring]);
    expect(all.map(({ metadata, spec }) => `${metadata.namespace}/${spec.secretName}`).sort()).toEqual([
      `${stack.apps}/monitoring-authority`,
      `${stack.monitoring}/alertmanager-server-tls`,
      `${stack.monitoring}/loki-server-tls`,
      `${stack.monitoring}/monitoring-authority`,
      `${stack.monitoring}/otel-gateway-server-tls`,
      `${stack.monitoring}/prometheus-server-tls`,
    ]);
    expect(new Set(all.map(({ spec }) => spec.issuerRef.name))).toEqual(new Set([issuer]));
  });

  test("scrapes every part, by https but for those that cannot serve so", async () => {
    const all = await eventually("every target to be up", 120, async () => {
      const found = await targets();
      return found.every(({ health }) => health === "up") ? found : undefined;
    });
    const schemes = new Map(all.map(({ labels, scrapeUrl }) => [labels["job"], new URL(scrapeUrl).protocol]));
    expect(Object.fromEntries(schemes)).toEqual({
      prometheus: "https:",
      alertmanager: "https:",
      loki: "https:",
      "otel-gateway": "http:",
      zipkin: "http:",
      "business-metrics": "http:",
    });
  });

  test.each([
    ["prometheus", 9090],
    ["alertmanager", 9093],
    ["loki", 3100],
    ["otel-gateway", 4318],
  ])("refuses plain HTTP at %s", async (service, inside) => {
    const answer = await fetch(`http://localhost:${await forward(`service/${service}`, inside)}/`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("Client sent an HTTP request to an HTTPS server");
  });

  test("is asked from within as the runbooks do, by the authority", async () => {
    const inPod = (pod: string, ...command: string[]) =>
      kubectl(["exec", "--namespace", stack.monitoring, pod, "--", ...command]);
    const file = (program: string) => `--http.config.file=/etc/${program}/client.yml`;
    const promtool = ["promtool", "query", "instant", file("prometheus"), "https://localhost:9090", "vector(7)"];
    expect(await inPod("prometheus-0", ...promtool)).toContain("=> 7 @");
    const amtool = ["amtool", "cluster", "show", file("alertmanager"), "--alertmanager.url=https://localhost:9093"];
    expect(await inPod("alertmanager-0", ...amtool)).toMatch(/ready/);
  });

  test("has its Alertmanagers agree, and lets nobody in among them without a certificate", async () => {
    expect(
      await eventually("two members", 60, async () =>
        (await value("min(alertmanager_cluster_members)")) === "2" ? 2 : undefined,
      ),
    ).toBe(2);
    const port = await forward("pod/alertmanager-0", 9094);
    const end = await new Promise<string>((resolve) => {
      const socket = connect({ port, host: "localhost", servername: "alertmanager", ca: authority.certificate });
      socket.on("secureConnect", () => socket.write("x"));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.on("close", () => resolve("closed"));
      socket.resume();
    });
    expect(end).toBe("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED");
  });

  test("shows people what is behind a sign-in, whose proxy checks the certificate", async () => {
    const browser = new Browser(
      { [hostname]: { port: await forward("service/prometheus-sign-in", 4180) } },
      provider.certificate,
    );
    const page = await signInAt(provider, browser, "anna", `https://${hostname}/-/healthy`);
    expect([page.status, page.body.trim()]).toEqual([200, "Prometheus Server is Healthy."]);
  });

  test("tells of alerts", async () => {
    const beats = await eventually("a heartbeat", 240, async () => {
      const all = (await got(hookPort)).filter(({ path }) => path === "/heartbeat");
      return all.length > 0 ? all : undefined;
    });
    expect(beats[0]?.body.alerts.map(({ labels }) => labels["alertname"])).toEqual(["Watchdog"]);
  }, 260_000);

  test("takes an application's traces", async () => {
    const traceId = randomBytes(16).toString("hex");
    const answer = await fetch(`http://localhost:${shopPort}/api/job/run/wakeUp`, {
      headers: { traceparent: `00-${traceId}-${randomBytes(8).toString("hex")}-01` },
    });
    expect(answer.status).toBe(200);
    const spans = await eventually(`trace ${traceId} in Zipkin`, 30, () =>
      ask<{ localEndpoint: { serviceName: string } }[]>("zipkin:9411", `api/v2/trace/${traceId}`),
    );
    expect(spans.map(({ localEndpoint }) => localEndpoint.serviceName)).toEqual(["shop"]);
  });

  test("gives applications the authority, and no key", async () => {
    const pod = await only("pods", stack.apps, "app=shop");
    const inShop = (...command: string[]) =>
      kubectl(["exec", "--namespace", stack.apps, pod.metadata.name, "--", ...command]);
    const list = `console.log(JSON.stringify(fs.readdirSync("/etc/monitoring-authority").filter((name) => !name.startsWith("."))))`;
    expect(JSON.parse(await inShop("node", "-e", list))).toEqual(["ca.crt"]);
  });

  test("takes lines, from nobody who trusts another authority, and keeps them while Loki's certificate is a stranger's", async () => {
    const port = await forward("service/otel-gateway", 4318);
    const [first, second] = [`first ${randomBytes(8).toString("hex")}`, `second ${randomBytes(8).toString("hex")}`];
    await expect(sendLine(port, first, stranger.certificate)).rejects.toThrow(/certificate/);
    expect(await sendLine(port, first, authority.certificate)).toBe(200);
    const arrived = (text: string) =>
      eventually(`"${text}" in Loki`, 240, async () => {
        const lines = await linesOf(`{source="apps"} |= "${text}"`);
        return lines.length > 0 ? lines : undefined;
      });
    expect(await arrived(first)).toEqual([first]);

    await issueForLoki(stranger);
    await kubectl(["delete", "pod", "loki-0", "--namespace", stack.monitoring]);
    const refused = await eventually("Loki to be refused", 180, async () => {
      const target = await lokiTarget();
      return target?.lastError.includes("x509") === true ? target : undefined;
    });
    expect(refused.lastError).toContain("certificate signed by unknown authority");
    expect(await sendLine(port, second, authority.certificate)).toBe(200);
    const [{ uid } = { uid: "" }] = await pods("loki", stack.monitoring);
    await eventually("the gateway to be refused", 60, async () => {
      const log = await kubectl(["logs", "--namespace", stack.monitoring, "deployment/otel-gateway", "--tail=-1"]);
      return log.includes("certificate signed by unknown authority") ? true : undefined;
    });

    // A renewed certificate is taken over without a restart.
    await issueForLoki(authority);
    expect(await arrived(second)).toEqual([second]);
    expect((await pods("loki", stack.monitoring)).map((pod) => [pod.uid, pod.restarts])).toEqual([[uid, 0]]);
    await eventually("Loki to be scraped again", 60, async () =>
      (await lokiTarget())?.health === "up" ? true : undefined,
    );
  }, 600_000);
});
