import { randomInt } from "node:crypto";
import { generatedLabel, type GeneratedSecretSettings } from "../components/plan/platform/generated-secrets.ts";
import { didYouMean, list } from "../components/plan/problems.ts";
import type { KubectlCall } from "./direct/kubectl.ts";
import type { KubeObject } from "./direct/objects.ts";
import { getMany } from "./direct/read-objects.ts";
import { readinessOf } from "./direct/readiness.ts";
import { pause } from "./process.ts";

/** As much of kubectl as this needs. */
export interface SecretCluster {
  call(args: readonly string[], call?: KubectlCall): Promise<string>;
}

/** A stack's generated secrets, and the way to them. */
export interface SecretRun {
  readonly kubectl: SecretCluster;
  readonly stack: string;
  readonly secrets: Readonly<Record<string, GeneratedSecretSettings>>;
  readonly namespaces: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly log: (line: string) => void;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const pollMilliseconds = 500;

/** Letters and digits, each as likely as any other. */
function randomText(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/**
 * Gives a generated secret new values and replaces the pods that use it. No value is shown, and none goes on a command line.
 * Cut off in the middle, it is run again: values are made anew, and pods with them.
 *
 * @throws naming the secrets there are, when it is none of them or was not made yet; when pods do not come up with the new values
 */
export async function rotateSecret(run: SecretRun, name: string): Promise<void> {
  const { kubectl, log } = run;
  const { namespace, settings } = find(run, name);
  const made = await kubectl.call(["get", "secret", name, "-n", namespace, "--ignore-not-found", "-o", "name"]);
  if (made.trim() === "")
    throw new Error(`Secret ${namespace}/${name} was not made yet; npm run up -- --stack ${run.stack} makes it`);
  const keys = [...new Set(settings.keys)].sort();
  const data = keys.map((key) => [key, Buffer.from(randomText(settings.length)).toString("base64")]);
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    data: Object.fromEntries(data) as Record<string, string>,
  };
  await kubectl.call(["apply", "--server-side", "--force-conflicts", "--field-manager=quorum-rotate", "-f", "-"], {
    input: JSON.stringify(secret),
  });
  log(`${namespace}/${name}: new values for ${list(keys)}`);
  const users = await usersOf(kubectl, namespace, name);
  if (users.length === 0) {
    log("no Deployment, StatefulSet or DaemonSet uses it: no pod is replaced; jobs read it when they next run");
    return;
  }
  await kubectl.call(["rollout", "restart", ...users.map(referenceOf), "-n", namespace]);
  log(`${list(users.map(referenceOf))}: ${users.length === 1 ? "its" : "their"} pods are being replaced`);
  await waitFor(run, namespace, users);
  log("all of them run with the new values");
}

/** Each generated secret, whether it is there, and who uses it: one line each. */
export async function listSecrets(run: SecretRun): Promise<void> {
  const { kubectl, log, namespaces, secrets, stack } = run;
  const entries = Object.entries(secrets).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) log(`stack ${stack} has no generated secrets; quorum:security.generatedSecrets names them`);
  for (const [name, { keys, namespace: place }] of entries) {
    const namespace = namespaces[place] ?? place;
    const made = await createdAt(kubectl, namespace, name);
    const users = made === undefined ? [] : await usersOf(kubectl, namespace, name);
    const state = made === undefined ? "not made yet" : `made ${made}`;
    const used = users.length === 0 ? "" : `  used by ${list(users.map(referenceOf))}`;
    log(`${namespace}/${name}  ${keys.join(", ")}  ${state}${used}`);
  }
  for (const orphan of await orphans(run)) log(`${orphan}  no longer asked for; kubectl delete secret takes it away`);
}

function find({ secrets, namespaces, stack }: SecretRun, name: string) {
  const settings = secrets[name];
  if (settings !== undefined) return { settings, namespace: namespaces[settings.namespace] ?? settings.namespace };
  const names = Object.keys(secrets);
  const near = didYouMean(name, names);
  throw new Error(
    `"${name}" is not in quorum:security.generatedSecrets of stack ${stack}; ${near === undefined ? `there ${names.length === 1 ? "is" : "are"} ${list(names) || "none"}` : `did you mean ${near}?`}`,
  );
}

/** Only metadata is asked for: no value leaves the cluster. */
async function createdAt(kubectl: SecretCluster, namespace: string, name: string): Promise<string | undefined> {
  const path = "jsonpath={.metadata.creationTimestamp}";
  const answer = await kubectl.call(["get", "secret", name, "-n", namespace, "--ignore-not-found", "-o", path]);
  return answer.trim() === "" ? undefined : answer.trim();
}

async function orphans({ kubectl, stack, secrets, namespaces }: SecretRun): Promise<string[]> {
  const path = 'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
  const answer = await kubectl.call(["get", "secrets", "-A", "-l", `${generatedLabel}=${stack}`, "-o", path]);
  const wanted = Object.entries(secrets).map(
    ([name, { namespace }]) => `${namespaces[namespace] ?? namespace}/${name}`,
  );
  return answer.split("\n").filter((each) => each !== "" && !wanted.includes(each));
}

async function usersOf(kubectl: SecretCluster, namespace: string, secret: string): Promise<KubeObject[]> {
  const workloads = await getMany(kubectl, "deployments,statefulsets,daemonsets", namespace);
  return workloads.filter((each) => usesSecret(templateOf(each), secret));
}

function templateOf(object: KubeObject): unknown {
  return (object["spec"] as { template?: { spec?: unknown } } | undefined)?.template?.spec;
}

/** Whether a pod's spec reads a Secret: as a variable, as all its variables, or as files, projected ones included. */
export function usesSecret(value: unknown, secret: string): boolean {
  if (Array.isArray(value)) return value.some((item) => usesSecret(item, secret));
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([field, item]: [string, unknown]) => {
    const named = (key: string) => (item as Record<string, unknown> | null)?.[key] === secret;
    if (field === "secretKeyRef" || field === "secretRef") return named("name");
    if (field === "secret") return named("secretName") || named("name");
    return usesSecret(item, secret);
  });
}

function referenceOf({ kind, metadata }: KubeObject): string {
  return `${kind.toLowerCase()}/${metadata.name}`;
}

async function waitFor(run: SecretRun, namespace: string, users: readonly KubeObject[]): Promise<void> {
  const ends = performance.now() + run.timeoutSeconds * 1000;
  for (;;) {
    const answer = await run.kubectl.call(["get", ...users.map(referenceOf), "-n", namespace, "-o", "json"]);
    const found = JSON.parse(answer) as KubeObject & { readonly items?: KubeObject[] };
    const waiting = (found.items ?? [found]).flatMap((each) => {
      const { ready, reason } = readinessOf(each);
      return ready ? [] : [`${referenceOf(each)}: ${reason}`];
    });
    if (waiting.length === 0) return;
    if (performance.now() > ends) {
      throw new Error(
        `not all pods run with the new values after ${run.timeoutSeconds} s (${waiting.join("; ")}); see why with kubectl describe, then run it again`,
      );
    }
    await pause(pollMilliseconds);
  }
}
