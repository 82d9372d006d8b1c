import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { numberOf } from "../components/plan/mesh/canary.ts";
import { monitoringPorts } from "../components/plan/connections/monitoring-parts.ts";
import { tryRun } from "../local/run.ts";
import { toolPath } from "../local/tools.ts";

/** How to reach a stack's cluster. */
export interface StackCluster {
  /** Kubeconfig text, or the path of a file. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

/** kubectl on one cluster. */
export interface KubectlCommand {
  readonly path: string;
  /** To come before every other argument. */
  readonly args: readonly string[];
}

/** Where Prometheus is, and by what its certificate is checked. */
export interface PrometheusPlace {
  readonly namespace: string;
  readonly tls: { readonly serverName: string; readonly secret: string } | undefined;
}

const answerMilliseconds = 15_000;
const prometheusService = "service/prometheus";

/** Gives kubectl on a stack's cluster. A kubeconfig that is a text lies in a file of its own only meanwhile. */
export async function withCluster<Result>(
  { kubeconfig, context }: StackCluster,
  use: (kubectl: KubectlCommand) => Promise<Result>,
): Promise<Result> {
  const path = await toolPath("kubectl");
  const named = context === undefined ? [] : ["--context", context];
  if (kubeconfig === undefined) return use({ path, args: named });
  if (!kubeconfig.includes("\n") && !kubeconfig.trimStart().startsWith("{"))
    return use({ path, args: ["--kubeconfig", kubeconfig, ...named] });
  const folder = mkdtempSync(join(tmpdir(), "quorum-"));
  try {
    const file = join(folder, "kubeconfig");
    writeFileSync(file, kubeconfig, { mode: 0o600 });
    return await use({ path, args: ["--kubeconfig", file, ...named] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An object as the cluster has it; undefined where there is none, or nothing of its kind. */
export async function readObject<Value>(
  { path, args }: KubectlCommand,
  { apiVersion, kind, name }: { readonly apiVersion: string; readonly kind: string; readonly name: string },
  namespace: string,
): Promise<Value | undefined> {
  const [group, version] = apiVersion.split("/");
  const type = `${kind}.${version ?? ""}.${group ?? ""}`;
  const { code, stdout, stderr } = await tryRun(path, [...args, "get", type, name, "-n", namespace, "-o", "json"]);
  if (code === 0) return JSON.parse(stdout) as Value;
  if (/NotFound|doesn't have a resource type|could not find the requested resource/i.test(stderr)) return undefined;
  throw new Error(`${kind} ${namespace}/${name} cannot be read: ${stderr.trim()}`);
}

/** Kinds of an API, as `group/version`; none where the cluster does not serve it. */
export async function readKinds({ path, args }: KubectlCommand, apiVersion: string): Promise<string[]> {
  const { code, stdout, stderr } = await tryRun(path, [...args, "get", "--raw", `/apis/${apiVersion}`]);
  if (code === 0) return (JSON.parse(stdout) as { resources: { kind: string }[] }).resources.map(({ kind }) => kind);
  if (/NotFound|could not find the requested resource/i.test(stderr)) return [];
  throw new Error(`the cluster cannot be asked for ${apiVersion}: ${stderr.trim()}`);
}

/** All objects of a kind that has no namespaces. */
export async function readAll<Value>({ path, args }: KubectlCommand, kinds: string): Promise<Value[]> {
  const { code, stdout, stderr } = await tryRun(path, [...args, "get", kinds, "-o", "json"]);
  if (code === 0) return (JSON.parse(stdout) as { items: Value[] }).items;
  throw new Error(`the cluster's ${kinds} cannot be read: ${stderr.trim()}`);
}

/**
 * Asks Prometheus for one number each, through the API server and the kubelet: no policy of the network has to be opened for it.
 *
 * @throws when it cannot be reached or refuses an expression
 */
export async function askPrometheus(
  kubectl: KubectlCommand,
  place: PrometheusPlace,
  expressions: readonly string[],
): Promise<(number | undefined)[]> {
  const authority = place.tls && (await readAuthority(kubectl, place.namespace, place.tls.secret));
  return withForward(kubectl, place.namespace, (port) =>
    Promise.all(expressions.map(async (expression) => numberOf(await query(port, expression, place, authority)))),
  );
}

async function readAuthority({ path, args }: KubectlCommand, namespace: string, secret: string): Promise<string> {
  const select = ["-n", namespace, "-o", "jsonpath={.data.ca\\.crt}"];
  const { code, stdout, stderr } = await tryRun(path, [...args, "get", "secret", secret, ...select]);
  if (code !== 0 || stdout === "") throw new Error(`its authority cannot be read: ${stderr.trim()}`);
  return Buffer.from(stdout, "base64").toString("utf8");
}

async function withForward<Result>(
  { path, args }: KubectlCommand,
  namespace: string,
  use: (port: number) => Promise<Result>,
): Promise<Result> {
  const target = [prometheusService, `:${monitoringPorts.prometheus}`, "--address", "127.0.0.1"];
  const child = spawn(path, [...args, "port-forward", "-n", namespace, ...target], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    return await use(await forwardedPort(child));
  } finally {
    child.kill("SIGTERM");
  }
}

function forwardedPort(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    const said = { out: "", err: "" };
    const timer = setTimeout(
      () => reject(new Error(`no way to it within ${answerMilliseconds / 1000} s`)),
      answerMilliseconds,
    );
    const end = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said.out += text;
      const port = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said.out)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (said.err += text));
    child.once("error", end);
    child.once("close", () => end(new Error(said.err.trim() || "kubectl port-forward ended")));
  });
}

function query(
  port: number,
  expression: string,
  { tls }: PrometheusPlace,
  authority: string | undefined,
): Promise<unknown> {
  const path = `/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`;
  const options = { host: "127.0.0.1", port, path, timeout: answerMilliseconds, agent: false as const };
  return new Promise((resolve, reject) => {
    const request =
      tls === undefined
        ? plainRequest(options)
        : secureRequest({ ...options, servername: tls.serverName, ...(authority !== undefined && { ca: authority }) });
    request.once("timeout", () => request.destroy(new Error(`no answer within ${answerMilliseconds / 1000} s`)));
    request.once("error", reject);
    request.once("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("error", reject);
      response.once("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(body));
        else reject(new Error(`it answered ${response.statusCode ?? 0}: ${body.slice(0, 200)}`));
      });
    });
    request.end();
  });
}
