import { readFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { between, configurationPage, sectionTable } from "./configuration.ts";
import { referencePage } from "./reference.ts";
import { stackSchema } from "./stack-schema.ts";

/** A file that is made, and must never be written by hand. */
export interface MadeFile {
  /** From the project's folder. */
  readonly path: string;
  readonly text: string;
}

/** What `npm run docs` makes of the schema: the JSON schema of stack files, docs/configuration.md and a table of the
 * README; and of docstrings: docs/components.md. */
export async function madeFiles(root: string): Promise<MadeFile[]> {
  const schema = stackSchema(root);
  const readme = between(readFileSync(join(root, "README.md"), "utf8"), "configuration", sectionTable(schema));
  return [
    { path: "stack.schema.json", text: `${JSON.stringify(schema, null, 2)}\n` },
    { path: "docs/configuration.md", text: configurationPage(schema) },
    { path: "docs/components.md", text: referencePage(root) },
    { path: "README.md", text: await format(readme, { parser: "markdown", printWidth: 120 }) },
  ];
}
