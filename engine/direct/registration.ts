import { runtime } from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";

/** Stands for a value that only `up` can know. */
export const unknown = Symbol("known only after up");

/** One resource as the program registered it. */
export interface Registration {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly parent: string | undefined;
  readonly custom: boolean;
  /** Plain values, with `unknown` where a value is not known yet. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Paths in `inputs` under which everything is secret. */
  readonly secretPaths: readonly (readonly string[])[];
  readonly dependencies: readonly string[];
  /** `<urn>::<id>` of the provider, empty for the default one. */
  readonly provider: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly ignoreChanges: readonly string[];
  readonly aliases: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
  /** Version of the provider's SDK. */
  readonly version: string;
}

/** A value that the program must treat as secret. */
export class SecretValue {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

export function readRegistration(request: RegisterResourceRequest, urn: string): Registration {
  const secretPaths: string[][] = [];
  const inputs = decode(request.getObject()?.toJavaScript() ?? {}, [], secretPaths);
  return {
    urn,
    type: request.getType(),
    name: request.getName(),
    parent: request.getParent() === "" ? undefined : request.getParent(),
    custom: request.getCustom(),
    inputs: inputs as Record<string, unknown>,
    secretPaths,
    dependencies: request.getDependenciesList(),
    provider: request.getProvider(),
    protect: request.getProtect() ?? false,
    retainOnDelete: request.getRetainondelete() ?? false,
    ignoreChanges: request.getIgnorechangesList(),
    aliases: request
      .getAliasesList()
      .map((alias) => alias.getUrn() || alias.getSpec()?.getName() || alias.getSpec()?.getType() || ""),
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    version: request.getVersion(),
  };
}

/** A Pulumi URN: children of the stack itself do not carry its type. */
export function makeUrn(stack: string, project: string, parent: string, type: string, name: string): string {
  const parentType = parent === "" ? "" : (parent.split("::")[2] ?? "");
  const prefix = parentType === "" || parentType === "pulumi:pulumi:Stack" ? "" : `${parentType}$`;
  return `urn:pulumi:${stack}::${project}::${prefix}${type}::${name}`;
}

/** Turns the wire's envelopes into plain values; notes where the secrets were. */
export function decode(value: unknown, path: string[], secretPaths: string[][]): unknown {
  if (value === runtime.unknownValue) return unknown;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => decode(item, [...path, String(index)], secretPaths));
  const map = value as Record<string, unknown>;
  const signature = map[runtime.specialSigKey];
  if (signature === runtime.specialSecretSig) {
    secretPaths.push(path);
    return decode(map["value"], path, []);
  }
  if (signature === runtime.specialResourceSig) return decode(map["id"] ?? map["urn"], path, secretPaths);
  if (signature !== undefined)
    throw new Error(`${path.join(".")} is an asset or archive, which the direct engine does not carry`);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(map)) result[key] = decode(map[key], [...path, key], secretPaths);
  return result;
}

/** The reverse of decode, for outputs. */
export function encode(outputs: Readonly<Record<string, unknown>>): structProto.Struct {
  return structProto.Struct.fromJavaScript(encodeValue(outputs) as Record<string, structProto.JavaScriptValue>);
}

function encodeValue(value: unknown): unknown {
  if (value === unknown) return runtime.unknownValue;
  if (value === undefined) return null;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof SecretValue) {
    return { [runtime.specialSigKey]: runtime.specialSecretSig, value: encodeValue(value.value) };
  }
  if (Array.isArray(value)) return value.map(encodeValue);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, encodeValue(item)]));
}

/** Whether the value at a path, or a part of it, is secret. */
export function isSecret(secretPaths: readonly (readonly string[])[], path: readonly string[]): boolean {
  return secretPaths.some((secret) => secret.slice(0, path.length).every((part, index) => part === path[index]));
}

/** Where a value is not known yet; empty when all of it is. */
export function unknownPaths(value: unknown, path: string[] = []): string[][] {
  if (value === unknown) return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => unknownPaths(item, [...path, key]));
}
