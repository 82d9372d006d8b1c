import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { Workspace } from "../files.ts";
import { lastLines, type ProcessResult, runProcess } from "../process.ts";
import { type BuildInputs, contextHash } from "./context-hash.ts";
import type { Outcome } from "./monitor.ts";
import { isSecret, type Registration, unknown, unknownPaths } from "./registration.ts";
import { type Credentials, findManifest, type ImageReference, parseReference } from "./registry.ts";

export interface DockerProgram {
  readonly path: string;
  /** A value for DOCKER_HOST; undefined where the CLI's own setting is right. */
  readonly host: string | undefined;
}

/** An image that was built and pushed just now. */
export interface PushedImage {
  /** Its name without tag and digest. */
  readonly name: string;
  readonly digest: string;
  /** Folder that was sent to the builder. */
  readonly context: string;
  readonly credentials: Credentials | undefined;
}

export interface ImageSettings {
  readonly workspace: Workspace;
  /** Neither builds nor pushes; an image that is not in the registry yet is unknown. */
  readonly preview: boolean;
  readonly log: (line: string) => void;
  /** Told of each image that was pushed, before anything runs it. @default nobody is told */
  readonly pushed?: ((image: PushedImage) => Promise<void>) | undefined;
  /** Asked only when something must be built. */
  readonly docker: () => Promise<DockerProgram>;
}

export interface ImageResult {
  readonly name: string;
  /** By digest; undefined at preview when only `up` can know it. */
  readonly reference: string | undefined;
  readonly built: boolean;
}

interface ImageJob {
  readonly imageName: string;
  readonly reference: ImageReference;
  readonly credentials: Credentials | undefined;
  readonly build: Readonly<Record<string, unknown>>;
  readonly inputs: BuildInputs;
  readonly contextTag: string;
  /** Build arguments that must not show in a process list. */
  readonly secretArgs: Readonly<Record<string, string>>;
}

/** Makes `docker:index/image:Image` resources with the Docker CLI. Not built again while the registry has the same context. */
export class ImageMaker {
  readonly results: ImageResult[] = [];
  readonly #settings: ImageSettings;

  constructor(settings: ImageSettings) {
    this.#settings = settings;
  }

  async make(resource: Registration): Promise<Outcome> {
    if (unknownPaths(resource.inputs).length > 0) return this.#outcome(resource, undefined, false);
    const job = readJob(resource, this.#settings.workspace.root);
    if (this.#settings.preview) {
      const known = await findManifest(job.reference, job.contextTag, job.credentials).catch(() => undefined);
      return this.#outcome(
        resource,
        known?.state === "found" ? byDigest(job, known.digest) : undefined,
        known?.state !== "found",
      );
    }
    const before = await findManifest(job.reference, job.contextTag, job.credentials);
    if (before.state === "found") return this.#outcome(resource, byDigest(job, before.digest), false);
    if (before.state === "refused" && job.credentials !== undefined)
      throw new Error(refusedMessage(job, `status ${before.status}`));
    return this.#outcome(resource, await this.#buildAndPush(resource.name, job), true);
  }

  #outcome(resource: Registration, reference: string | undefined, built: boolean): Outcome {
    this.results.push({ name: resource.name, reference, built });
    const imageName = resource.inputs["imageName"];
    const baseImageName = typeof imageName === "string" ? withoutTag(imageName) : unknown;
    return { id: String(reference ?? resource.name), outputs: { baseImageName, repoDigest: reference ?? unknown } };
  }

  async #buildAndPush(name: string, job: ImageJob): Promise<string> {
    const { log, workspace } = this.#settings;
    const docker = await this.#settings.docker();
    const logFile = join(workspace.stateDir, "logs", `image-${name}.log`);
    mkdirSync(join(workspace.stateDir, "logs"), { recursive: true });
    writeFileSync(logFile, "", { mode: 0o600 });
    const folder = mkdtempSync(join(workspace.stateDir, "docker-"));
    try {
      const env = dockerEnvironment(docker, job, folder);
      const run = (args: readonly string[], extra: Readonly<Record<string, string>> = {}) => {
        const keep = (text: string) => appendFileSync(logFile, text);
        return runProcess(docker.path, args, {
          cwd: workspace.root,
          env: { ...env, ...extra },
          onStdout: keep,
          onStderr: keep,
        });
      };
      log(
        `building ${job.imageName} from ${relative(workspace.root, job.inputs.context) || "."} (log: ${relative(workspace.root, logFile)})`,
      );
      const buildKit = await buildKitSetting(job, run);
      const names = [job.imageName, `${withoutTag(job.imageName)}:${job.contextTag}`];
      const build = await run(buildArguments(await onFoundBase(job), names), { ...job.secretArgs, ...buildKit });
      if (build.code !== 0) throw new Error(buildMessage(job, build));
      let pushed = "";
      for (const each of names) {
        log(`pushing ${each}`);
        const push = await run(["push", each]);
        if (push.code !== 0) throw new Error(pushMessage(job, push));
        pushed = /digest: (sha256:[0-9a-f]{64})/.exec(push.stdout)?.[1] ?? pushed;
      }
      const after = await findManifest(job.reference, job.contextTag, job.credentials);
      const digest = after.state === "found" ? after.digest : pushed;
      if (digest === "")
        throw new Error(
          `${job.imageName} was pushed, but registry ${job.reference.registry} does not have it; look at its log`,
        );
      const { context } = job.inputs;
      await this.#settings.pushed?.({
        name: withoutTag(job.imageName),
        digest,
        context,
        credentials: job.credentials,
      });
      return byDigest(job, digest);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

function readJob(resource: Registration, root: string): ImageJob {
  const { imageName, skipPush } = resource.inputs;
  const build = (resource.inputs["build"] ?? {}) as Record<string, unknown>;
  const registry = (resource.inputs["registry"] ?? {}) as Record<string, unknown>;
  if (typeof imageName !== "string")
    throw new Error(`image "${resource.name}" has no imageName; give it registry/name:tag`);
  if (skipPush === true)
    throw new Error(`image "${resource.name}" has skipPush, but without a push it has no digest; leave skipPush out`);
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  const context = resolve(root, text(build["context"]) ?? ".");
  const dockerfile = text(build["dockerfile"]);
  const inputs: BuildInputs = {
    context,
    dockerfile: dockerfile === undefined ? join(context, "Dockerfile") : resolve(root, dockerfile),
    args: (build["args"] ?? {}) as Record<string, string>,
    platform: text(build["platform"]),
    target: text(build["target"]),
  };
  const username = text(registry["username"]);
  return {
    imageName,
    reference: parseReference(imageName),
    credentials: username === undefined ? undefined : { username, password: text(registry["password"]) ?? "" },
    build,
    inputs,
    contextTag: `ctx-${contextHash(inputs)}`,
    secretArgs: Object.fromEntries(
      Object.entries(inputs.args).filter(([key]) => isSecret(resource.secretPaths, ["build", "args", key])),
    ),
  };
}

function withoutTag(imageName: string): string {
  return imageName.replace(/:[^:/]*$/, "");
}

function byDigest(job: ImageJob, digest: string): string {
  return `${withoutTag(job.imageName)}@${digest}`;
}

/** Credentials reach Docker in a file of its own, so that they show neither in a process list nor in the user's settings. */
function dockerEnvironment(docker: DockerProgram, job: ImageJob, folder: string): Record<string, string> {
  const env: Record<string, string> = docker.host === undefined ? {} : { DOCKER_HOST: docker.host };
  if (job.credentials === undefined) return env;
  const { username, password } = job.credentials;
  const server = job.reference.registry === "docker.io" ? "https://index.docker.io/v1/" : job.reference.registry;
  const auths = { [server]: { auth: Buffer.from(`${username}:${password}`).toString("base64") } };
  writeFileSync(join(folder, "config.json"), JSON.stringify({ auths }), { mode: 0o600 });
  return { ...env, DOCKER_CONFIG: folder };
}

/** Docker refuses to build with BuildKit where its CLI plugin is missing; the older builder needs none. */
async function buildKitSetting(
  job: ImageJob,
  run: (args: string[]) => Promise<ProcessResult>,
): Promise<Record<string, string>> {
  if (job.build["builderVersion"] === "BuilderV1") return { DOCKER_BUILDKIT: "0" };
  return (await run(["buildx", "version"])).code === 0 ? {} : { DOCKER_BUILDKIT: "0" };
}

/** The base by the digest that its tag has now, so that the label which names it is right; as it is where no registry tells. */
async function onFoundBase(job: ImageJob): Promise<ImageJob> {
  const { BASE, BASE_DIGEST } = job.inputs.args;
  if (BASE === undefined || BASE.includes("@") || BASE_DIGEST !== "") return job;
  const base = parseReference(BASE);
  const credentials = base.registry === job.reference.registry ? job.credentials : undefined;
  const found = await findManifest(base, base.tag, credentials).catch(() => undefined);
  if (found?.state !== "found") return job;
  const args = { ...job.inputs.args, BASE: `${BASE}@${found.digest}`, BASE_DIGEST: found.digest };
  return { ...job, inputs: { ...job.inputs, args } };
}

function buildArguments(job: ImageJob, names: readonly string[]): string[] {
  const { inputs, build } = job;
  const list = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);
  const cacheFrom = list((build["cacheFrom"] as Record<string, unknown> | undefined)?.["images"]);
  return [
    "build",
    ...names.flatMap((name) => ["--tag", name]),
    ...["--file", inputs.dockerfile],
    ...Object.entries(inputs.args).flatMap(([key, value]) => [
      "--build-arg",
      key in job.secretArgs ? key : `${key}=${value}`,
    ]),
    ...(inputs.platform === undefined ? [] : ["--platform", inputs.platform]),
    ...(inputs.target === undefined ? [] : ["--target", inputs.target]),
    ...(typeof build["network"] === "string" ? ["--network", build["network"]] : []),
    ...cacheFrom.flatMap((image) => ["--cache-from", image]),
    ...list(build["addHosts"]).flatMap((host) => ["--add-host", host]),
    inputs.context,
  ];
}

const noDaemon = /cannot connect to the docker daemon|error during connect|daemon is not running/i;

function buildMessage(job: ImageJob, { stdout, stderr }: ProcessResult): string {
  const said = `${stdout}\n${stderr}`;
  if (noDaemon.test(said)) {
    return `no Docker daemon answers, but ${job.imageName} must be built; start Docker, set DOCKER_HOST, or give the image's digest in quorum:images.builds`;
  }
  const fix = /no space left on device/i.test(said)
    ? "the disk is full; free some space (docker system prune)"
    : "mend the Dockerfile or what it runs";
  return `building ${job.imageName} failed; ${fix}; its last lines:\n${lastLines(said, 20).join("\n")}`;
}

function pushMessage(job: ImageJob, { stdout, stderr }: ProcessResult): string {
  const said = `${stdout}\n${stderr}`;
  const last = lastLines(stderr === "" ? said : stderr, 1).join("");
  const { registry } = job.reference;
  if (/HTTP response to HTTPS client/i.test(said)) {
    return `registry ${registry} speaks plain HTTP, but Docker wants HTTPS; give it a certificate, or add it to insecure-registries in Docker's daemon.json`;
  }
  if (/denied|unauthorized|authentication required|forbidden/i.test(said)) return refusedMessage(job, last);
  if (/connection refused|no such host|i\/o timeout|no route to host/i.test(said)) {
    return `registry ${registry} cannot be reached by Docker (${last}); start it, or set quorum:images.registry`;
  }
  return `pushing ${job.imageName} failed (${last}); look at the log of registry ${registry}`;
}

function refusedMessage(job: ImageJob, reason: string): string {
  const { registry, repository } = job.reference;
  const who = job.credentials === undefined ? "no credentials are given" : `user ${job.credentials.username}`;
  return `registry ${registry} refused ${repository} (${who}; ${reason}); set quorum:images.builds.<name>.credentials to a user who may push there`;
}
