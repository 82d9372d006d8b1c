// Runs in the cluster: ends one pod, whose controller makes it anew, and waits until the new one is ready.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @param pod URL of the pod at the API server
 * @param call takes a method and a URL, and gives {status, body}
 * @param pauseMilliseconds between two looks
 * @throws when it is not ready again in time
 */
export async function restartPod({ pod, call, timeoutMilliseconds, pauseMilliseconds = 1000 }) {
  const before = await call("GET", pod);
  if (before.status !== 200) throw new Error(`there is no pod to restart: ${reason(before)}`);
  const ended = await call("DELETE", pod);
  // Gone already: somebody else ended it, and what is waited for is the same.
  if (ended.status !== 200 && ended.status !== 404) throw new Error(`the pod could not be ended: ${reason(ended)}`);
  const deadline = Date.now() + timeoutMilliseconds;
  for (;;) {
    const { status, body } = await call("GET", pod);
    const isNew = status === 200 && body.metadata.uid !== before.body.metadata.uid;
    const isReady = body?.status?.conditions?.some((one) => one.type === "Ready" && one.status === "True");
    if (isNew && isReady) return;
    if (Date.now() > deadline) throw new Error("the pod was ended, but it is not ready again; see its log");
    await sleep(pauseMilliseconds);
  }
}

function reason({ status, body }) {
  return `status ${status}: ${body?.kind === "Status" ? body.message : "no reason given"}`;
}

/** Calls with the pod's own token; Node trusts the cluster's authority by NODE_EXTRA_CA_CERTS. */
function caller(token) {
  return async (method, url) => {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, accept: "application/json" },
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, body: await response.json().catch(() => undefined) };
  };
}

if (import.meta.main) {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT_HTTPS: port, POD, NAMESPACE } = process.env;
  const token = readFileSync("/var/run/secrets/kubernetes.io/serviceaccount/token", "utf8");
  await restartPod({
    pod: `https://${host.includes(":") ? `[${host}]` : host}:${port}/api/v1/namespaces/${NAMESPACE}/pods/${POD}`,
    call: caller(token),
    timeoutMilliseconds: Number(process.env["TIMEOUT_SECONDS"]) * 1000,
  });
  console.log(`${POD} was restarted and is ready`);
}
