import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

export type Sections = Record<string, Record<string, unknown>>;

/** In place of a secret, as in a render. */
const unset = "unset:secret";

/** The sections of a stack's own file, `quorum:` taken off their names, with stand-ins for its secrets. */
export function stackSections(stack: "dev" | "prod"): Sections {
  const file = join(import.meta.dirname, `../Pulumi.${stack}.yaml`);
  const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, Record<string, unknown>> };
  const rendered = JSON.stringify(config).replaceAll(/\{"secure":"[^"]*"\}/g, JSON.stringify(unset));
  const sections = Object.entries(JSON.parse(rendered) as Sections);
  return Object.fromEntries(sections.map(([key, value]) => [key.replace(/^quorum:/, ""), value]));
}

/** The same with what a user would set: secrets, a key for SSH, and the digest of an image that was pushed. */
export function runnableSections(stack: "dev" | "prod"): Sections {
  const { controlPlane, ...rest } = stackSections(stack);
  const text = JSON.stringify(rest)
    .replaceAll("0".repeat(64), "c".repeat(64))
    .replaceAll(unset, "https://secret.example.com");
  return {
    ...(JSON.parse(text) as Sections),
    controlPlane: { ...controlPlane, ssh: { user: "root", privateKey: "PRIVATE KEY" } },
  };
}
