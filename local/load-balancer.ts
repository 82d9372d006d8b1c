// The local cluster's load balancer: each port of a Service of type LoadBalancer is forwarded from loopback to the Service's
// node port on the hosts, and the Service's status says so. It runs as a process of its own:
//   node local/load-balancer.ts KUBECONFIG ADDRESS...
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { connect, createServer, type Server } from "node:net";
import { parse } from "yaml";

interface Service {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: {
    readonly type: string;
    readonly ports: readonly { readonly port: number; readonly nodePort?: number; readonly protocol?: string }[];
  };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly "certificate-authority-data": string };
  }[];
  readonly users: readonly {
    readonly user: { readonly "client-certificate-data": string; readonly "client-key-data": string };
  }[];
}

const [kubeconfigFile = "", ...addresses] = process.argv.slice(2);
const loopback = "127.0.0.1";

/** One call of the API server; the kubeconfig is read anew each time, since a new cluster writes a new one. */
function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const config = parse(readFileSync(kubeconfigFile, "utf8")) as Kubeconfig;
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined) throw new Error(`${kubeconfigFile} has no cluster or no user`);
  const decode = (text: string) => Buffer.from(text, "base64");
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, cluster.server),
      {
        method,
        timeout: 5000,
        ca: decode(cluster["certificate-authority-data"]),
        cert: decode(user["client-certificate-data"]),
        key: decode(user["client-key-data"]),
        headers: body === undefined ? {} : { "content-type": "application/merge-patch+json" },
      },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        answer.on("end", () =>
          answer.statusCode === 200
            ? resolve(JSON.parse(text) as T)
            : reject(new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 200)}`)),
        );
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`${method} ${path}: no answer in 5 s`)));
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

interface Listener {
  readonly server: Server;
  nodePort: number;
}
const listeners = new Map<number, Listener>();

/** Forwards one connection, trying the hosts in turn from a random one. */
function listen(port: number, nodePort: number): void {
  const listener: Listener = {
    nodePort,
    server: createServer({ allowHalfOpen: true }, (client) => {
      const first = Math.floor(Math.random() * addresses.length);
      const attempt = (tried: number) => {
        if (tried === addresses.length) return void client.destroy();
        const host = addresses[(first + tried) % addresses.length];
        const upstream = connect({ host, port: listener.nodePort, allowHalfOpen: true, timeout: 3000 });
        upstream.once("connect", () => {
          upstream.setTimeout(0);
          upstream.removeAllListeners("error");
          for (const [from, to] of [
            [client, upstream],
            [upstream, client],
          ] as const) {
            from.pipe(to);
            from.on("error", () => to.destroy());
            from.on("close", () => to.destroy());
          }
        });
        upstream.once("timeout", () => upstream.destroy(new Error("timeout")));
        upstream.once("error", () => attempt(tried + 1));
      };
      client.on("error", () => undefined);
      attempt(0);
    }),
  };
  listener.server.on("error", (error) => {
    console.error(`port ${port}: ${error.message}`);
    listeners.delete(port);
  });
  listener.server.listen(port, loopback, () =>
    console.log(`port ${port}: forwarded to node port ${nodePort} of ${addresses.join(", ")}`),
  );
  listeners.set(port, listener);
}

async function reconcile(): Promise<void> {
  const { items } = await call<{ items: Service[] }>("GET", "/api/v1/services");
  const wanted = new Map<number, number>();
  for (const service of items) {
    if (service.spec.type !== "LoadBalancer") continue;
    let served = true;
    for (const { port, nodePort, protocol } of service.spec.ports) {
      if (nodePort === undefined || (protocol ?? "TCP") !== "TCP" || wanted.has(port)) {
        served = false;
        continue;
      }
      wanted.set(port, nodePort);
      const known = listeners.get(port);
      if (known === undefined) listen(port, nodePort);
      else known.nodePort = nodePort;
    }
    if (served && service.status?.loadBalancer?.ingress?.[0]?.ip !== loopback) {
      const path = `/api/v1/namespaces/${service.metadata.namespace}/services/${service.metadata.name}/status`;
      await call("PATCH", path, { status: { loadBalancer: { ingress: [{ ip: loopback }] } } });
    }
  }
  for (const [port, { server }] of listeners) {
    if (wanted.has(port)) continue;
    server.close();
    listeners.delete(port);
    console.log(`port ${port}: closed, its Service is gone`);
  }
}

let lastProblem = "";
for (;;) {
  try {
    await reconcile();
    lastProblem = "";
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== lastProblem) console.error(problem);
    lastProblem = problem;
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
