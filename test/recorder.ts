import { runtime } from "@pulumi/pulumi";
import resourceProto from "@pulumi/pulumi/proto/resource_pb.js";
import type { RegisterResourceOutputsRequest, RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { decode, encode, makeUrn, readRegistration, type Registration } from "../engine/direct/registration.ts";

export interface RecordOptions {
  /** The monitor then gives neither ids nor computed outputs. @default false */
  readonly preview?: boolean;
  readonly stack?: string;
  /** Sections of the configuration, as in `quorum:<section>`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Sections that hold a secret. */
  readonly secretSections?: readonly string[];
  /** Computed outputs of a resource, when it is not a preview. */
  readonly computed?: (resource: Registration) => Readonly<Record<string, unknown>>;
}

/** Everything that a program registered, in order. */
export class Recording {
  readonly resources: readonly Registration[];
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Outputs that are secret. */
  readonly secretOutputs: readonly string[];

  constructor(resources: readonly Registration[], outputs: Record<string, unknown>, secretOutputs: readonly string[]) {
    this.resources = resources;
    this.outputs = outputs;
    this.secretOutputs = secretOutputs;
  }

  /** The only resource with a name, of a type that ends as given. */
  get(name: string, typeEnd = ""): Registration {
    const found = this.resources.filter((resource) => resource.name === name && resource.type.endsWith(typeEnd));
    const [only] = found;
    if (only === undefined || found.length > 1) {
      throw new Error(`${found.length} resources are called ${name}; there are ${this.names().join(", ")}`);
    }
    return only;
  }

  ofType(typeEnd: string): Registration[] {
    return this.resources.filter((resource) => resource.type.endsWith(typeEnd));
  }

  names(): string[] {
    return this.resources.map((resource) => `${resource.type}::${resource.name}`);
  }
}

const features = resourceProto.ResourceMonitorFeature;

/** Runs a program against a monitor that sees whole requests, refuses two resources with one URN, and makes nothing. */
export async function record(program: () => unknown, options: RecordOptions = {}): Promise<Recording> {
  const { preview = false, stack = "test" } = options;
  const project = "quorum";
  const resources = new Map<string, Registration>();
  const outputs: Record<string, unknown> = {};
  const secretPaths: string[][] = [];
  let failure: Error | undefined;

  const answer = (request: RegisterResourceRequest) => {
    const urn = makeUrn(stack, project, request.getParent(), request.getType(), request.getName());
    if (resources.has(urn)) throw new Error(`two resources have the URN ${urn}`);
    const resource = readRegistration(request, urn);
    resources.set(urn, resource);
    const response = new resourceProto.RegisterResourceResponse();
    response.setUrn(urn);
    if (!preview && resource.custom) response.setId(`id-${resource.name}`);
    const computed = preview ? {} : (options.computed?.(resource) ?? computedOutputs(resource));
    response.setObject(encode({ ...resource.inputs, ...computed }));
    return response;
  };
  const monitor = {
    registerResource(request: RegisterResourceRequest, callback: (error: Error | null, response?: unknown) => void) {
      try {
        callback(null, answer(request));
      } catch (error) {
        failure ??= error as Error;
        callback(error as Error);
      }
    },
    registerResourceOutputs(
      request: RegisterResourceOutputsRequest,
      callback: (error: null, response: object) => void,
    ) {
      if (resources.get(request.getUrn())?.type === "pulumi:pulumi:Stack") {
        const values = request.getOutputs()?.toJavaScript() ?? {};
        for (const [key, value] of Object.entries(values)) outputs[key] = decode(value, [key], secretPaths);
      }
      callback(null, {});
    },
    getDeploymentInfo(_request: unknown, callback: (error: null, response: unknown) => void) {
      const info = new resourceProto.DeploymentInfo();
      info.setSupportedfeaturesList([
        features.RESOURCE_MONITOR_FEATURE_SECRETS,
        features.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
        features.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
      ]);
      callback(null, info);
    },
    signalAndWaitForShutdown(_request: unknown, callback: (error: null, response: object) => void) {
      callback(null, {});
    },
  };
  runtime.setMockOptions(monitor, project, stack, preview, "organization");
  const sections = Object.entries(options.config ?? {});
  runtime.setAllConfig(
    Object.fromEntries(sections.map(([name, value]) => [`${project}:${name}`, JSON.stringify(value)])),
    (options.secretSections ?? []).map((name) => `${project}:${name}`),
  );
  // The SDK asks for the stack of each of thousands of promises, and vitest maps every frame of it to its source.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 1;
  // An error that leaves the program would surface again wherever the SDK waits for the stack.
  try {
    await runtime.runInPulumiStack(async () => {
      try {
        return await program();
      } catch (error) {
        failure ??= error as Error;
        return {};
      }
    });
    await runtime.disconnect();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  if (failure !== undefined) throw failure;
  return new Recording([...resources.values()], outputs, [...new Set(secretPaths.map(([key]) => key ?? ""))]);
}

/** What the real providers would add. */
function computedOutputs(resource: Registration): Record<string, unknown> {
  if (resource.type === "docker:index/image:Image") {
    const repository = String(resource.inputs["imageName"]).replace(/:[^:/]*$/, "");
    return { repoDigest: `${repository}@sha256:${"a".repeat(64)}` };
  }
  if (resource.type === "command:remote:Command") return { stdout: `output of ${resource.name}`, stderr: "" };
  return {};
}
