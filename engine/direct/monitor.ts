import resourceProto from "@pulumi/pulumi/proto/resource_pb.js";
import type { RegisterResourceOutputsRequest, RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { decode, encode, makeUrn, readRegistration, type Registration, SecretValue, unknown } from "./registration.ts";

/** What came of a resource. Outputs not given are the inputs in `up`, and unknown at preview. */
export interface Outcome {
  readonly id: string;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** How the resources that are made while the program runs are made. Kubernetes objects are made after it. */
export interface ResourceMakers {
  image(resource: Registration): Promise<Outcome>;
  hostStep(resource: Registration): Promise<Outcome>;
}

export interface MonitorSettings {
  readonly project: string;
  readonly stack: string;
  readonly makers: ResourceMakers;
}

type Callback<T> = (error: Error | null, response?: T) => void;

/** gRPC's code for a call that will not be answered; the SDK then leaves what depends on it alone. */
const cancelled = 1;
const features = resourceProto.ResourceMonitorFeature;

/**
 * What the Pulumi SDK talks to when the direct engine runs a program: the part of Pulumi's own resource monitor
 * that a stack of images, host steps and Kubernetes objects needs. All else is refused by name.
 *
 * The first failure is kept and rejects `failure`; from then on nothing new is begun.
 */
export class DirectMonitor {
  /** Never resolves; rejects with the first failure. */
  readonly failure: Promise<never>;
  readonly resources = new Map<string, Registration>();
  /** Stack outputs, with `unknown` and SecretValue inside; undefined until the program has ended. */
  outputs: Readonly<Record<string, unknown>> | undefined;

  readonly #settings: MonitorSettings;
  readonly #running = new Set<Promise<unknown>>();
  #fail!: (error: Error) => void;
  #failed: Error | undefined;

  constructor(settings: MonitorSettings) {
    this.#settings = settings;
    this.failure = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    this.failure.catch(() => undefined);
  }

  /** Waits for images and host steps that are still being made. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  registerResource(request: RegisterResourceRequest, callback: Callback<unknown>): void {
    const work = this.#answer(() => this.#register(request), callback);
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  registerResourceOutputs(request: RegisterResourceOutputsRequest, callback: Callback<object>): void {
    void this.#answer(async () => {
      const resource = this.resources.get(request.getUrn());
      if (resource?.type === "pulumi:pulumi:Stack") this.outputs = readOutputs(request);
      return Promise.resolve({});
    }, callback);
  }

  getDeploymentInfo(_request: unknown, callback: Callback<unknown>): void {
    const info = new resourceProto.DeploymentInfo();
    info.setSupportedfeaturesList([
      features.RESOURCE_MONITOR_FEATURE_SECRETS,
      features.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
      features.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
      features.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    ]);
    callback(null, info);
  }

  signalAndWaitForShutdown(_request: unknown, callback: Callback<object>): void {
    callback(null, {});
  }

  invoke(request: { getTok(): string }, callback: Callback<unknown>): void {
    void this.#refuse(
      `the program calls the provider function ${request.getTok()}`,
      "compute the value in the program",
      callback,
    );
  }

  call(request: { getTok(): string }, callback: Callback<unknown>): void {
    void this.#refuse(`the program calls the method ${request.getTok()}`, "compute the value in the program", callback);
  }

  readResource(request: { getType(): string; getName(): string }, callback: Callback<unknown>): void {
    const what = `the program reads the existing resource "${request.getName()}" (${request.getType()})`;
    void this.#refuse(what, "give the program what it needs of it as configuration", callback);
  }

  registerPackage(request: { getName(): string }, callback: Callback<unknown>): void {
    void this.#refuse(
      `the program uses the parameterized package ${request.getName()}`,
      "use a package of its own",
      callback,
    );
  }

  async #answer<T>(work: () => Promise<T>, callback: Callback<T>): Promise<void> {
    try {
      if (this.#failed !== undefined) throw this.#failed;
      callback(null, await work());
    } catch (error) {
      const first = this.#failed === undefined;
      this.#failed ??= error instanceof Error ? error : new Error(String(error));
      if (first) this.#fail(this.#failed);
      callback(Object.assign(new Error(this.#failed.message), { code: cancelled }));
    }
  }

  #refuse(what: string, fix: string, callback: Callback<unknown>): Promise<void> {
    return this.#answer(
      () =>
        Promise.reject(
          new Error(`${what}, which the direct engine cannot do; ${fix}, or use the Pulumi CLI (--engine cli)`),
        ),
      callback,
    );
  }

  async #register(request: RegisterResourceRequest): Promise<unknown> {
    const { stack, project } = this.#settings;
    const urn = makeUrn(stack, project, request.getParent(), request.getType(), request.getName());
    const resource = readRegistration(request, urn);
    const twin = this.resources.get(urn);
    if (twin !== undefined) {
      throw new Error(
        `two resources are called "${resource.name}" (${resource.type}), so they have one URN; give one of them another name`,
      );
    }
    this.resources.set(urn, resource);
    const response = new resourceProto.RegisterResourceResponse();
    response.setUrn(urn);
    const { makers } = this.#settings;
    if (resource.type === "docker:index/image:Image") {
      refuseOptions(request);
      this.#refuseObjectsBefore(resource, "image");
      setOutcome(response, resource, await makers.image(resource));
    } else if (resource.type === "command:remote:Command") {
      // Its SDK always sets replaceOnChanges; a step leaves nothing that could be replaced, and running again is all there is.
      this.#refuseObjectsBefore(resource, "host step");
      setOutcome(response, resource, await makers.hostStep(resource));
    } else if (isKubernetesObject(resource)) {
      refuseOptions(request);
      response.setId(objectId(resource));
      echo(response, resource, request);
    } else if (resource.type.startsWith("pulumi:providers:")) {
      response.setId("direct");
      echo(response, resource, request);
    } else if (resource.custom || request.getRemote()) {
      throw new Error(unsupported(resource));
    } else {
      echo(response, resource, request);
    }
    return response;
  }

  #refuseObjectsBefore(resource: Registration, what: string): void {
    const object = resource.dependencies
      .map((urn) => this.resources.get(urn))
      .find((other) => other !== undefined && isKubernetesObject(other));
    if (object === undefined) return;
    throw new Error(
      `${what} "${resource.name}" depends on the Kubernetes object "${object.name}", but the direct engine makes objects last; take the dependency away, or use the Pulumi CLI (--engine cli)`,
    );
  }
}

/** Options that would change what happens, and that the direct engine does not know how to follow. */
function refuseOptions(request: RegisterResourceRequest): void {
  const options: string[] = [];
  if (request.getReplaceonchangesList().length > 0) options.push("replaceOnChanges");
  if (request.getReplaceWithList().length > 0) options.push("replaceWith");
  if (request.hasReplacementTrigger()) options.push("replacementTrigger");
  if (options.length === 0) return;
  throw new Error(
    `resource "${request.getName()}" (${request.getType()}) has the option ${options.join(" and ")}, but the direct engine replaces nothing; put what changes into the object's name`,
  );
}

/** Whether a resource is one object of the Kubernetes API. */
export function isKubernetesObject(resource: Registration): boolean {
  if (!resource.type.startsWith("kubernetes:") || !resource.custom) return false;
  if (/:(Release|ChartV?\d*|Directory|ConfigGroup|ConfigFile)$/.test(resource.type)) return false;
  const { apiVersion, kind } = resource.inputs;
  return (
    typeof apiVersion === "string" &&
    typeof kind === "string" &&
    resource.type.endsWith(`:${kind}`) &&
    !kind.endsWith("List")
  );
}

function objectId(resource: Registration): string {
  const metadata = (resource.inputs["metadata"] ?? {}) as Record<string, unknown>;
  const { name, namespace } = metadata;
  return typeof namespace === "string" && namespace !== "" ? `${namespace}/${String(name)}` : String(name);
}

/** The outputs are the inputs; the request's own encoding is handed back, since most resources need no change to it. */
function echo(
  response: InstanceType<typeof resourceProto.RegisterResourceResponse>,
  resource: Registration,
  request: RegisterResourceRequest,
): void {
  const secret = resource.additionalSecretOutputs.filter((key) => resource.inputs[key] !== undefined);
  if (secret.length === 0) {
    response.setObject(request.getObject());
    return;
  }
  response.setObject(encode(withSecrets(resource, resource.inputs)));
}

function setOutcome(
  response: InstanceType<typeof resourceProto.RegisterResourceResponse>,
  resource: Registration,
  outcome: Outcome,
): void {
  response.setId(outcome.id);
  response.setObject(encode(withSecrets(resource, { ...resource.inputs, ...outcome.outputs })));
}

/** Marks what was secret among the inputs, and what the resource's options call secret. */
function withSecrets(resource: Registration, outputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const secret = new Set([...resource.additionalSecretOutputs, ...resource.secretPaths.map(([key]) => key)]);
  return Object.fromEntries(
    Object.entries(outputs).map(([key, value]) => [key, secret.has(key) ? new SecretValue(value) : value]),
  );
}

function unsupported(resource: Registration): string {
  const { type, name } = resource;
  const what = `resource "${name}" is a ${type}, which the direct engine cannot make`;
  if (type.startsWith("kubernetes:") && type.endsWith("Patch"))
    return `${what}; make the whole object, or use the Pulumi CLI (--engine cli)`;
  if (type.startsWith("kubernetes:"))
    return `${what}; load the rendered objects one by one, or use the Pulumi CLI (--engine cli)`;
  if (type.startsWith("docker-build:"))
    return `${what}; use docker.Image of @pulumi/docker, or the Pulumi CLI (--engine cli)`;
  return `${what}: it makes docker.Image, command.remote.Command and Kubernetes objects; use the Pulumi CLI (--engine cli)`;
}

function readOutputs(request: RegisterResourceOutputsRequest): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(request.getOutputs()?.toJavaScript() ?? {})) {
    const secretPaths: string[][] = [];
    const plain = decode(value, [], secretPaths);
    result[key] = secretPaths.length > 0 ? new SecretValue(plain) : plain;
  }
  return result;
}

/** A stack output as people may see it. */
export function showOutput(value: unknown): unknown {
  if (value instanceof SecretValue) return "[secret]";
  if (value === unknown) return "(known after up)";
  if (Array.isArray(value)) return value.map(showOutput);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, showOutput(item)]));
}
