/** One whom a service or a job calls: a name, or with it what it asks for, where a mesh can tell. */
export type Call =
  | string
  | {
      readonly service: string;
      /** @default all */
      readonly methods?: readonly string[] | undefined;
      /** With a star at an end or a beginning for any. @default all */
      readonly paths?: readonly string[] | undefined;
    };

/** What of its callee a caller may ask for; nothing said: everything. */
export interface Asked {
  readonly methods?: readonly string[] | undefined;
  readonly paths?: readonly string[] | undefined;
}

/** The name that a call gives: of a service, or of quorum:mesh.external. */
export function calleeOf(call: Call): string {
  return typeof call === "string" ? call : call.service;
}

export function askedOf(call: Call): Asked {
  return typeof call === "string" ? {} : { methods: call.methods, paths: call.paths };
}

/** Whether a call says what it asks for. */
export function isLimited(call: Call): boolean {
  const { methods, paths } = askedOf(call);
  return methods !== undefined || paths !== undefined;
}
