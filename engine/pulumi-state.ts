import { runtime } from "@pulumi/pulumi";

/** One resource of a stack's state, as `pulumi stack export --show-secrets` shows it. */
interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/** What the engine needs of the CLI's state of a stack. */
export interface PulumiState {
  readonly isEmpty: boolean;
  /** The last run was ended before it saw the end of a change: what the state says of that resource may be wrong. */
  readonly isInterrupted: boolean;
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

export function readPulumiState(exported: string): PulumiState {
  const { deployment } = JSON.parse(exported) as {
    deployment?: { resources?: StateResource[] | null; pending_operations?: unknown[] | null };
  };
  const resources = deployment?.resources ?? [];
  const provider = resources.find(
    ({ type, urn }) => type === "pulumi:providers:kubernetes" && !urn.includes("::default"),
  );
  return {
    isEmpty: resources.every(({ type }) => type === "pulumi:pulumi:Stack"),
    isInterrupted: (deployment?.pending_operations ?? []).length > 0,
    kubeconfig: plainText(provider?.inputs?.["kubeconfig"]),
    context: plainText(provider?.inputs?.["context"]),
  };
}

/** With --show-secrets, a secret is an envelope around its value as JSON. */
function plainText(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (typeof value !== "object" || value === null) return undefined;
  const envelope = value as Record<string, unknown>;
  if (envelope[runtime.specialSigKey] !== runtime.specialSecretSig || typeof envelope["plaintext"] !== "string")
    return undefined;
  return plainText(JSON.parse(envelope["plaintext"]));
}
