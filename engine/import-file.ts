import { runtime } from "@pulumi/pulumi";
import { type Registration, unknownPaths } from "./direct/registration.ts";

interface ImportSpec {
  readonly type: string;
  /** Unique in the file; others name their parent by it. */
  readonly name: string;
  readonly logicalName: string;
  readonly id?: string;
  readonly parent?: string;
  readonly provider?: string;
  readonly version?: string;
  readonly component?: true;
}

/** What `pulumi import --file` reads. */
export interface ImportFile {
  readonly nameTable: Readonly<Record<string, string>>;
  readonly resources: readonly ImportSpec[];
  /** Lets the import make providers that the state does not have yet. */
  readonly providerInputs: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** An object that the cluster has, with its Pulumi id. */
export interface ImportedObject {
  readonly urn: string;
  readonly id: string;
}

/**
 * The file by which the Pulumi CLI takes over objects that the direct engine made: the objects, the components that they are
 * children of, and their provider.
 *
 * @see https://www.pulumi.com/docs/iac/guides/migration/import/#bulk-import-operations
 */
export function makeImportFile(resources: readonly Registration[], objects: readonly ImportedObject[]): ImportFile {
  const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
  const components = new Map<string, ImportSpec>();
  const providers = new Map<string, string>();
  const specs = objects.flatMap(({ urn, id }): ImportSpec[] => {
    const resource = byUrn.get(urn);
    if (resource === undefined) return [];
    addAncestors(resource, byUrn, components);
    const providerUrn = resource.provider.slice(0, resource.provider.lastIndexOf("::"));
    if (providerUrn !== "" && !providers.has(providerUrn)) providers.set(providerUrn, `provider-${providers.size}`);
    const provider = providers.get(providerUrn);
    return [
      {
        ...specOf(resource, byUrn),
        id,
        ...(provider === undefined ? {} : { provider }),
        ...(resource.version === "" ? {} : { version: resource.version }),
      },
    ];
  });
  return {
    nameTable: Object.fromEntries([...providers].map(([urn, name]) => [name, urn])),
    resources: [...components.values(), ...specs],
    providerInputs: Object.fromEntries([...providers].map(([urn, name]) => [name, serializedInputs(byUrn.get(urn))])),
  };
}

function specOf(resource: Registration, byUrn: ReadonlyMap<string, Registration>): ImportSpec {
  const parent = resource.parent === undefined ? undefined : byUrn.get(resource.parent);
  const hasParent = parent !== undefined && parent.type !== "pulumi:pulumi:Stack";
  return {
    type: resource.type,
    name: resource.urn,
    logicalName: resource.name,
    ...(hasParent ? { parent: parent.urn } : {}),
  };
}

/** Parents come before their children. */
function addAncestors(
  resource: Registration,
  byUrn: ReadonlyMap<string, Registration>,
  components: Map<string, ImportSpec>,
): void {
  const parent = resource.parent === undefined ? undefined : byUrn.get(resource.parent);
  if (parent === undefined || parent.custom || parent.type === "pulumi:pulumi:Stack" || components.has(parent.urn))
    return;
  addAncestors(parent, byUrn, components);
  components.set(parent.urn, { ...specOf(parent, byUrn), component: true });
}

/** Secrets go in the envelope that the state itself uses, so that they are secret in it from the first. */
function serializedInputs(provider: Registration | undefined): Record<string, unknown> {
  if (provider === undefined) return {};
  const secret = new Set(provider.secretPaths.map(([key]) => key));
  const inputs = provider.version === "" ? provider.inputs : { ...provider.inputs, version: provider.version };
  return Object.fromEntries(
    Object.entries(inputs).map(([key, value]) => [
      key,
      secret.has(key) ? { [runtime.specialSigKey]: runtime.specialSecretSig, plaintext: JSON.stringify(value) } : value,
    ]),
  );
}

interface StateResource {
  readonly urn: string;
  readonly inputs?: unknown;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

interface ExportedState {
  readonly deployment?: { readonly resources?: readonly StateResource[] | null };
}

/**
 * A state in which each imported object has the program's own inputs. An import notes what the cluster answers, defaults
 * included; some of those differ from the program in fields that cannot be changed, and the objects would be replaced.
 * An object with a secret or a value not known yet keeps what the import noted.
 *
 * @param exported what `pulumi stack export` printed
 */
export function withProgramInputs(exported: string, resources: readonly Registration[]): object {
  const state = JSON.parse(exported) as ExportedState;
  const plain = resources.filter(
    ({ secretPaths, inputs }) => secretPaths.length === 0 && unknownPaths(inputs).length === 0,
  );
  const inputsOf = new Map(plain.map(({ urn, inputs }) => [urn, inputs]));
  const adapted = (state.deployment?.resources ?? []).map((resource) => {
    const inputs = inputsOf.get(resource.urn);
    if (inputs === undefined || resource.outputs?.["__inputs"] === undefined) return resource;
    return { ...resource, inputs, outputs: { ...resource.outputs, __inputs: inputs } };
  });
  return { ...state, deployment: { ...state.deployment, resources: adapted } };
}
