import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { pause, type ProcessResult, runProcess } from "../process.ts";
import { describe, type KubeObject, keyOf, identityOf, mayOwn, type ObjectIdentity } from "./objects.ts";

/** Which cluster to speak to. One of the two is always given: the current context is never used by accident. */
export interface ClusterAccess {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}

export interface KubectlSettings {
  readonly path: string;
  readonly access: ClusterAccess;
  /** Where kubectl keeps what it learnt of the API, apart from the user's own cache. */
  readonly cacheDir: string;
}

export interface KubectlCall {
  readonly input?: string;
  /** Goes on after Ctrl-C. */
  readonly evenIfInterrupted?: boolean;
  /** @default 30 */
  readonly timeoutSeconds?: number;
}

export interface ApplyOptions {
  readonly dryRun: boolean;
  readonly onWarning?: (line: string) => void;
  /** Who the fields then belong to. @default quorum */
  readonly manager?: string;
  /** Whether fields of others become the manager's. @default true */
  readonly force?: boolean;
}

/** kubectl ended with an error; `message` is what it said, without its decorations. */
export class KubectlError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "KubectlError";
    this.lines = lines;
  }
}

const fieldManager = "quorum";
const requestTimeout = "--request-timeout=30s";

/** The objects that a cluster has, by key. */
export class LiveObjects {
  readonly #byKey = new Map<string, KubeObject>();

  constructor(objects: readonly KubeObject[]) {
    for (const object of objects) this.#byKey.set(keyOf(identityOf(object)), object);
  }

  /** The same, with these in the place of those of their names. */
  overlaidBy(objects: readonly KubeObject[]): LiveObjects {
    return new LiveObjects([...this.#byKey.values(), ...objects]);
  }

  /** A custom object whose manifest names no namespace may have been put into "default". */
  find(identity: ObjectIdentity): KubeObject | undefined {
    return (
      this.#byKey.get(keyOf(identity)) ??
      (identity.namespace === undefined ? this.#byKey.get(keyOf({ ...identity, namespace: "default" })) : undefined)
    );
  }
}

/** The few things that the engine asks of kubectl; each is one process, for however many objects. */
export class Kubectl {
  readonly #settings: KubectlSettings;

  constructor(settings: KubectlSettings) {
    this.#settings = settings;
  }

  /** The objects that exist. Those whose kind or namespace the cluster does not know yet are left out. */
  async get(identities: readonly ObjectIdentity[]): Promise<KubeObject[]> {
    const flags = ["--ignore-not-found", "--show-managed-fields", "-o", "json", requestTimeout];
    const result = await this.#onKnownKinds("get", flags, identities);
    return result === undefined ? [] : parseObjects(result.stdout);
  }

  /** Every object of these kinds with a label, in all namespaces; kinds that the cluster does not know have none. */
  async listByLabel(kinds: readonly { apiVersion: string; kind: string }[], selector: string): Promise<KubeObject[]> {
    let names = kinds.map(({ apiVersion, kind }) => {
      const [version = "", group = ""] = apiVersion.split("/").reverse();
      return `${kind}.${version}.${group}`;
    });
    while (names.length > 0) {
      const result = await this.#run([
        "get",
        names.join(","),
        "-A",
        "-l",
        selector,
        "--ignore-not-found",
        "-o",
        "json",
        requestTimeout,
      ]);
      if (result.code === 0) return parseObjects(result.stdout);
      const missing = [...result.stderr.matchAll(/resource type "([^"]+)"/g)].map(([, name = ""]) => name);
      const known = names.filter((name) => !missing.some((each) => name === each || name.startsWith(`${each}.`)));
      if (known.length === names.length) throw this.#error(result);
      names = known;
    }
    return [];
  }

  /** Server-side apply. With `dryRun`, answers what the objects would become, in no certain order. */
  async apply(objects: readonly KubeObject[], options: ApplyOptions): Promise<KubeObject[]> {
    if (objects.length === 0) return [];
    const output = options.dryRun ? ["--dry-run=server", "-o", "json"] : [];
    // The server itself refuses fields that it does not know, and names the object; kubectl's own check does not.
    const args = [
      "apply",
      "--server-side",
      ...(options.force === false ? [] : ["--force-conflicts"]),
      `--field-manager=${options.manager ?? fieldManager}`,
      "--validate=ignore",
      ...output,
      requestTimeout,
      "-f",
      "-",
    ];
    const result = await this.#run(args, { input: list(objects) });
    for (const line of warnings(result)) options.onWarning?.(line);
    if (result.code !== 0) throw this.#error(result);
    return options.dryRun ? parseObjects(result.stdout) : [];
  }

  /** Replaces whole objects, as they were read. */
  async replace(
    objects: readonly KubeObject[],
    options: Pick<ApplyOptions, "dryRun" | "manager">,
  ): Promise<KubeObject[]> {
    const dryRun = options.dryRun ? ["--dry-run=server"] : [];
    const manager = options.manager === undefined ? [] : [`--field-manager=${options.manager}`];
    return parseObjects(
      await this.call(["replace", "--validate=ignore", ...dryRun, ...manager, "-o", "json", "-f", "-"], {
        input: list(objects),
      }),
    );
  }

  /** Deletes these, owners of others first, and waits until all of it is gone. @throws when something is still there after the time given */
  async remove(identities: readonly ObjectIdentity[], timeoutSeconds: number): Promise<void> {
    const ends = performance.now() + timeoutSeconds * 1000;
    const flags = ["--ignore-not-found", "--wait=false", requestTimeout];
    // In the foreground an owner counts as gone when its pods are, so what they need outlives them; each takes the collector a while.
    await this.#onKnownKinds("delete", ["--cascade=foreground", ...flags], identities.filter(mayOwn));
    const others = identities.filter((identity) => !mayOwn(identity));
    await this.#onKnownKinds("delete", ["--cascade=background", ...flags], others);
    // kubectl's own wait looks at one object after the other, five in a second.
    for (let asked = identities; ; await pause(500)) {
      // What is not marked has been made anew by somebody else.
      const left = (await this.get(asked)).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
      if (left.length === 0) return;
      if (performance.now() > ends) throw new Error(stillThere(left, timeoutSeconds));
      asked = left.map(identityOf);
    }
  }

  /** Asks for all at once, and again without the kinds that the cluster turns out not to know. Undefined when none is left. */
  async #onKnownKinds(
    verb: string,
    flags: readonly string[],
    identities: readonly ObjectIdentity[],
  ): Promise<ProcessResult | undefined> {
    let asked = identities;
    while (asked.length > 0) {
      const input = list(
        asked.map(({ apiVersion, kind, namespace, name }) => ({
          apiVersion,
          kind,
          metadata: namespace === undefined ? { name } : { name, namespace },
        })),
      );
      const result = await this.#run([verb, "-f", "-", ...flags], { input });
      if (result.code === 0) return result;
      const known = withoutMissingKinds(asked, result.stderr);
      if (known.length === asked.length) throw this.#error(result);
      asked = known;
    }
    return undefined;
  }

  /** Any other call; its answer is JSON when it asks for it. @throws KubectlError */
  async call(args: readonly string[], call: KubectlCall = {}): Promise<string> {
    const timeout = call.timeoutSeconds === undefined ? requestTimeout : `--request-timeout=${call.timeoutSeconds}s`;
    const result = await this.#run([...args, timeout], call);
    if (result.code !== 0) throw this.#error(result);
    return result.stdout;
  }

  /** Any other call, whose answer is bytes, for a file. @throws KubectlError */
  async save(args: readonly string[], file: string): Promise<void> {
    const child = spawn(this.#settings.path, this.#words(args), { stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const [code] = await Promise.all([ended, pipeline(child.stdout, createWriteStream(file, { mode: 0o600 }))]);
    if (code !== 0) throw this.#error({ code: code ?? 128, stdout: "", stderr });
  }

  #run(args: readonly string[], call: KubectlCall = {}): Promise<ProcessResult> {
    return runProcess(this.#settings.path, this.#words(args), call);
  }

  #words(args: readonly string[]): string[] {
    const { access, cacheDir } = this.#settings;
    const where = [
      ...(access.kubeconfig === undefined ? [] : ["--kubeconfig", access.kubeconfig]),
      ...(access.context === undefined ? [] : ["--context", access.context]),
    ];
    return [...where, "--cache-dir", cacheDir, ...args];
  }

  #error(result: ProcessResult): Error {
    const lines = errorLines(result.stderr);
    return unreachable(lines.join("\n"), this.#settings.access) ?? new KubectlError(lines);
  }
}

function stillThere(left: readonly KubeObject[], seconds: number): string {
  const named = left.map((object) => {
    const { finalizers = [] } = object.metadata;
    return `${describe(identityOf(object))}${finalizers.length === 0 ? "" : ` (held by ${finalizers.join(", ")})`}`;
  });
  return `not gone after ${seconds} s: ${named.join(", ")}; see that what its finalizers wait for can end, and run the command again`;
}

function list(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}

function parseObjects(text: string): KubeObject[] {
  if (text.trim() === "") return [];
  // replace writes one JSON document after the other, where get and apply write a List.
  if (/^\}\s*\{$/m.test(text)) return text.split(/(?<=^\})\s*(?=^\{)/m).map((each) => JSON.parse(each) as KubeObject);
  const answer = JSON.parse(text) as KubeObject;
  return answer.kind === "List" || Array.isArray(answer["items"]) ? (answer["items"] as KubeObject[]) : [answer];
}

function withoutMissingKinds(identities: readonly ObjectIdentity[], stderr: string): ObjectIdentity[] {
  const missing = new Set(
    [...stderr.matchAll(/no matches for kind "([^"]+)" in version "([^"]+)"/g)].map(
      ([, kind, version]) => `${version} ${kind}`,
    ),
  );
  return identities.filter(({ apiVersion, kind }) => !missing.has(`${apiVersion} ${kind}`));
}

function warnings({ stderr }: ProcessResult): string[] {
  return [...new Set(stderr.split("\n").filter((line) => line.startsWith("Warning: ")))];
}

/** One line for each error: what is indented goes on with the line before. */
function errorLines(stderr: string): string[] {
  const said = stderr.split("\n").filter((line) => line.trim() !== "" && !/^([EWI]\d{4} |Warning: )/.test(line));
  const lines: string[] = [];
  for (const line of said) {
    if (/^\s/.test(line) && lines.length > 0) lines.push(`${lines.pop() ?? ""} ${line.trim()}`);
    else lines.push(line.trim());
  }
  return lines.length === 0 ? ["kubectl ended with an error and said nothing"] : lines;
}

/** The one message for a cluster that cannot be used at all, whatever was asked of it. */
function unreachable(said: string, access: ClusterAccess): Error | undefined {
  const cluster =
    access.context === undefined
      ? `the cluster of ${access.kubeconfig ?? "the kubeconfig"}`
      : `the cluster of context "${access.context}"`;
  const context = /context was not found for specified context: (\S+)|context "([^"]+)" does not exist/.exec(said);
  if (context !== null) {
    return new Error(
      `context "${context[1] ?? context[2]}" is not in the kubeconfig; kubectl config get-contexts lists those that are`,
    );
  }
  // Where a context has no user, kubectl asks for a name and a password, and finds nobody to answer.
  if (/must be logged in|Unauthorized|provide credentials|error reading input for/.test(said)) {
    return new Error(
      `${cluster} does not accept the credentials of the kubeconfig; renew them (kubectl get ns must work)`,
    );
  }
  const network =
    /dial tcp:? (?:lookup )?([^:\s]+:\d+|\[[^\]]+\]:\d+)?.*?(connection refused|i\/o timeout|no route to host|no such host|network is unreachable)|(Client\.Timeout|net\/http: TLS handshake timeout|context deadline exceeded|unexpected EOF|connection reset by peer|the server was unable to return a response|apiserver not ready|the server is currently unable to handle the request)/.exec(
      said,
    );
  if (network === null) return undefined;
  const at = network[1] === undefined ? "" : ` at ${network[1]}`;
  return new Error(
    `${cluster} cannot be reached${at} (${network[2] ?? network[3]}); start it (npm run local -- status, for the local one) or mend the way to it`,
  );
}
