// Runs in the cluster: makes the Secrets that do not exist and the keys that are missing, and never changes one that is there.
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const attempts = 5;

/** Letters and digits, each as likely as any other. */
export function randomText(length) {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/**
 * Makes what is missing of each Secret. Others may do the same at the same time: a write that meets one of theirs is
 * refused by the API server, and begins anew.
 *
 * @param api URL of the API server
 * @param call takes a method, a URL and a body, and gives {status, body}
 * @returns one line for each Secret, without any value
 */
export async function ensureSecrets({ api, namespace, labels, secrets, call }) {
  const lines = [];
  for (const secret of secrets) lines.push(await ensureSecret(secret, { api, namespace, labels, call }));
  return lines;
}

async function ensureSecret({ name, keys, length }, { api, namespace, labels, call }) {
  const all = `${api}/api/v1/namespaces/${namespace}/secrets`;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const found = await call("GET", `${all}/${name}`);
    const existing = found.status === 404 ? undefined : accepted(found, `reading ${name}`);
    const missing = keys.filter((key) => existing?.data?.[key] === undefined);
    if (existing !== undefined && missing.length === 0) return `${name}: is there`;
    const made = Object.fromEntries(missing.map((key) => [key, Buffer.from(randomText(length)).toString("base64")]));
    const written =
      existing === undefined
        ? await call("POST", all, {
            apiVersion: "v1",
            kind: "Secret",
            metadata: { name, namespace, labels },
            type: "Opaque",
            data: made,
          })
        : // With the resourceVersion that was read: what somebody else wrote since then is not lost.
          await call("PUT", `${all}/${name}`, { ...existing, data: { ...existing.data, ...made } });
    if (written.status === 409) continue;
    accepted(written, `writing ${name}`);
    return existing === undefined ? `${name}: made` : `${name}: added ${missing.join(", ")}`;
  }
  throw new Error(`${name} changed ${attempts} times while it was written; run it again`);
}

/** Of an answer that is an error only the API server's own words are shown: a body may hold values. */
function accepted({ status, body }, what) {
  if (status >= 200 && status < 300) return body;
  throw new Error(`${what}: status ${status}: ${body?.kind === "Status" ? body.message : "no reason given"}`);
}

/** Calls with the pod's own token; Node trusts the cluster's authority by NODE_EXTRA_CA_CERTS. */
export function caller(token) {
  return async (method, url, body) => {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, accept: "application/json", "content-type": "application/json" },
      signal: AbortSignal.timeout(30_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json().catch(() => undefined) };
  };
}

if (import.meta.main) {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT_HTTPS: port, PLAN } = process.env;
  const account = "/var/run/secrets/kubernetes.io/serviceaccount";
  const lines = await ensureSecrets({
    api: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    call: caller(readFileSync(`${account}/token`, "utf8")),
    ...JSON.parse(PLAN),
  });
  for (const line of lines) console.log(line);
}
