import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

export type Sections = Record<string, Record<string, unknown>>;

/** The sections of a stack's own file, `quorum:` taken off their names. */
export function stackSections(stack: "dev" | "prod"): Sections {
  const file = join(import.meta.dirname, `../Pulumi.${stack}.yaml`);
  const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, Record<string, unknown>> };
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace(/^quorum:/, ""), value]));
}

/** The same with what a user would set: a key for SSH, and the digest of an image that was pushed. */
export function runnableSections(stack: "dev" | "prod"): Sections {
  const { controlPlane, ...rest } = stackSections(stack);
  const text = JSON.stringify(rest).replaceAll("0".repeat(64), "c".repeat(64));
  return {
    ...(JSON.parse(text) as Sections),
    controlPlane: { ...controlPlane, ssh: { user: "root", privateKey: "PRIVATE KEY" } },
  };
}
