import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import type { Answer, EtcdAnswer, ExistingCluster } from "../components/plan/control-plane/existing-cluster.ts";
import type { Kubectl } from "./direct/kubectl.ts";
import { lastLines } from "./process.ts";

/** Time that each question gets: what does not answer is said, and nothing waits for it. */
const questionSeconds = 5;
/** Port of etcd's metrics as kubeadm has it; on loopback unless the site opened it. */
const etcdMetricsPort = 2381;
/** Nodes whose kubelets are asked for their certificates: each is one call. */
const mostNodes = 20;

interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly nodeInfo: { readonly kubeletVersion: string };
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

interface PodObject {
  readonly metadata: { readonly name: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface CronJobObject {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly status?: { readonly lastSuccessfulTime?: string };
}

interface Kubeconfig {
  readonly clusters?: readonly { readonly cluster: { readonly server: string } }[];
  readonly users?: readonly {
    readonly user: { readonly "client-certificate-data"?: string; readonly "client-certificate"?: string };
  }[];
}

/** Asks a cluster what can be read of it, with the rights that the kubeconfig gives. Nothing is changed. */
export async function askExistingCluster(kubectl: Kubectl): Promise<ExistingCluster> {
  const ask = (args: readonly string[]) => kubectl.call(args, { timeoutSeconds: questionSeconds });
  const json = async <T>(args: readonly string[]) => JSON.parse(await ask([...args, "-o", "json"])) as T;
  const version = await answered(async () => {
    const { gitVersion } = JSON.parse(await ask(["get", "--raw", "/version"])) as { gitVersion: string };
    return gitVersion.replace(/^v/, "");
  });
  if ("reason" in version) {
    const none = { reason: version.reason };
    return { version, nodes: none, etcd: none, failing: none, certificates: [], backups: none };
  }
  const [nodes, etcd, failing, backups, own] = await Promise.all([
    answered(async () => (await json<{ items: NodeObject[] }>(["get", "nodes"])).items.map(nodeOf)),
    answered(() => askEtcd(ask, json)),
    answered(() => failingChecks(ask)),
    answered(async () => {
      const { items } = await json<{ items: CronJobObject[] }>(["get", "cronjobs", "--all-namespaces"]);
      return items.filter(savesEtcd).map(({ metadata, status }) => ({
        name: `${metadata.namespace}/${metadata.name}`,
        last: status?.lastSuccessfulTime === undefined ? undefined : new Date(status.lastSuccessfulTime),
      }));
    }),
    ownCertificates(json),
  ]);
  const names = "value" in nodes ? nodes.value.slice(0, mostNodes).map(({ name }) => name) : [];
  const kubelets = await Promise.all(
    names.map(async (name) => ({ what: `kubelet of ${name}`, ends: await answered(() => kubeletEnds(ask, name)) })),
  );
  return { version, nodes, etcd, failing, certificates: [...own, ...kubelets], backups };
}

/** The answer, or the last line of what was said instead. */
async function answered<T>(question: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await question() };
  } catch (error) {
    const [reason = "no answer"] = lastLines(error instanceof Error ? error.message : String(error), 1);
    return { reason: reason.replace(/^Error from server /, "").slice(0, 200) };
  }
}

type Ask = (args: readonly string[]) => Promise<string>;
type AskJson = <T>(args: readonly string[]) => Promise<T>;

const isTrue = (conditions: PodObject["status"]["conditions"]) =>
  conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;

const nodeOf = ({ metadata, status }: NodeObject) => ({
  name: metadata.name,
  kubelet: status.nodeInfo.kubeletVersion.replace(/^v/, ""),
  ready: isTrue(status.conditions),
});

async function askEtcd(ask: Ask, json: AskJson): Promise<EtcdAnswer[]> {
  const { items } = await json<{ items: PodObject[] }>([
    "get",
    "pods",
    "--namespace",
    "kube-system",
    "-l",
    "component=etcd",
  ]);
  if (items.length === 0) throw new Error("no pod of kube-system has the label component=etcd: etcd runs elsewhere");
  return Promise.all(
    items.map(async ({ metadata: { name }, status }) => ({
      pod: name,
      ready: isTrue(status.conditions),
      metrics: await answered(async () => {
        const path = `/api/v1/namespaces/kube-system/pods/${name}:${etcdMetricsPort}/proxy/metrics`;
        const text = await ask(["get", "--raw", path]);
        return {
          leader: figure(text, "etcd_server_has_leader") === 1,
          bytes: figure(text, "etcd_mvcc_db_total_size_in_bytes"),
          quota: figure(text, "etcd_server_quota_backend_bytes"),
        };
      }),
    })),
  );
}

/** @throws when the metrics have no such series */
function figure(metrics: string, name: string): number {
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(metrics)?.[1];
  if (value === undefined) throw new Error(`its metrics have no ${name}`);
  return Number(value);
}

async function failingChecks(ask: Ask): Promise<string[]> {
  // A failed check is answered by an error, whose lines are the same.
  const text = await ask(["get", "--raw", "/readyz?verbose"]).catch((error: unknown) =>
    error instanceof Error && /^\[[-+]\]/m.test(error.message) ? error.message : Promise.reject(error as Error),
  );
  return [...text.matchAll(/^\[-\](\S+)/gm)].map(([, name = ""]) => name);
}

/** A job of ours, or one whose name says so. */
const savesEtcd = ({ metadata: { name } }: CronJobObject) => /etcd/.test(name) && /backup|snapshot/.test(name);

async function ownCertificates(json: AskJson): Promise<{ what: string; ends: Answer<Date> }[]> {
  const config = await answered(() => json<Kubeconfig>(["config", "view", "--minify", "--raw"]));
  if ("reason" in config) return [{ what: "API server", ends: config }];
  const server = config.value.clusters?.[0]?.cluster.server;
  const user = config.value.users?.[0]?.user;
  const given = user?.["client-certificate-data"];
  const file = user?.["client-certificate"];
  const pem = given !== undefined ? Buffer.from(given, "base64") : file === undefined ? undefined : readFileSync(file);
  return [
    { what: "API server", ends: await answered(() => servedUntil(server ?? "")) },
    ...(pem === undefined
      ? []
      : [{ what: "this kubeconfig's", ends: { value: new Date(new X509Certificate(pem).validTo) } }]),
  ];
}

/** End of the certificate that a server shows, whoever signed it. */
function servedUntil(url: string): Promise<Date> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: hostname,
      port: Number(port === "" ? 443 : port),
      rejectUnauthorized: false,
      servername: /^[\d.:[\]]+$/.test(hostname) ? "" : hostname,
    });
    socket.setTimeout(questionSeconds * 1000, () => socket.destroy(new Error(`${hostname} does not answer`)));
    socket.once("secureConnect", () => {
      const { valid_to: end } = socket.getPeerCertificate();
      socket.destroy();
      resolve(new Date(end));
    });
    socket.once("error", reject);
  });
}

async function kubeletEnds(ask: Ask, node: string): Promise<Date> {
  const metrics = await ask(["get", "--raw", `/api/v1/nodes/${node}/proxy/metrics`]);
  const left = figure(metrics, "kubelet_certificate_manager_client_ttl_seconds");
  if (!Number.isFinite(left)) throw new Error("it does not renew its certificate by itself");
  return new Date(Date.now() + left * 1000);
}
