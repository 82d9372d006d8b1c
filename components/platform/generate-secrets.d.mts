/** An answer of the API server. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

type Call = (method: string, url: string, body?: unknown) => Promise<Answer>;

export interface EnsureSecretsArgs {
  /** URL of the API server. */
  readonly api: string;
  readonly namespace: string;
  /** Labels of Secrets that are made. */
  readonly labels: Readonly<Record<string, string>>;
  readonly secrets: readonly { readonly name: string; readonly keys: readonly string[]; readonly length: number }[];
  readonly call: Call;
}

export function randomText(length: number): string;
export function ensureSecrets(args: EnsureSecretsArgs): Promise<string[]>;
export function caller(token: string): Call;
