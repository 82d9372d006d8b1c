import type { JsonSchema } from "./stack-schema.ts";

const begin = (name: string) => `<!-- ${name}: made by \`npm run docs\` -->`;
const end = (name: string) => `<!-- end of ${name} -->`;

/**
 * Puts made text between its two marks.
 *
 * @throws when the page has no such marks
 */
export function between(page: string, name: string, text: string): string {
  const [from, to] = [page.indexOf(begin(name)), page.indexOf(end(name))];
  if (from < 0 || to < from) throw new Error(`the page has no marks ${begin(name)} and ${end(name)}; put them back`);
  return `${page.slice(0, from)}${begin(name)}\n\n${text.trim()}\n\n${page.slice(to)}`;
}

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ").replaceAll("<", "&lt;");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function sectionsOf(schema: JsonSchema): [string, JsonSchema][] {
  return Object.entries(schema.properties?.["config"]?.properties ?? {});
}

/** The sections, one a row, as the README has them. */
export function sectionTable(schema: JsonSchema): string {
  const required = schema.properties?.["config"]?.required ?? [];
  const rows = sectionsOf(schema).map(([name, section]) => [
    `[\`${name}\`](docs/configuration.md#${anchorOf(name)})`,
    required.includes(name) ? "yes" : "",
    section.description ?? "",
  ]);
  return table(["section", "required", "says"], rows);
}

const anchorOf = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9-]/g, "");

/** Every key of the stack's file: docs/configuration.md. */
export function configurationPage(schema: JsonSchema): string {
  const parts = sectionsOf(schema).map(([name, section]) => {
    // A list, since cells of a table would all be as wide as the longest.
    const said = (section.description ?? "").replaceAll("](docs/", "](");
    const keys = keysOf(section, "").map(({ path, key, required }) => {
      const fallback = required ? "required" : defaultOf(key) && `default ${defaultOf(key)}`;
      const facts = [typeOf(key), fallback].filter((fact) => fact !== "").join("; ");
      return `- \`${path}\` (${facts}): ${(key.description ?? "").replace(/ ?Default: .*$/, "")}`.replace(/: $/, "");
    });
    const whole = `${typeOf(section)}; default ${defaultOf(section)}.`;
    return `## ${name}\n\n${said}\n\n${keys.length === 0 ? whole : keys.join("\n")}`;
  });
  return `# Every key of a stack's file

Made from the schema by \`npm run docs\`. Editors with a YAML language server complete and check it by
\`stack.schema.json\`, which the first line of each stack's file names. \`NAME\` is a name of yours, \`[]\` each item of a list. Any text
may be \`{ secure: … }\`.

${parts.join("\n\n")}
`;
}

interface Key {
  readonly path: string;
  readonly key: JsonSchema;
  readonly required: boolean;
}

function keysOf(schema: JsonSchema, path: string): Key[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, key]) => {
    const here = path === "" ? name : `${path}.${name}`;
    const required = schema.required?.includes(name) ?? false;
    return [{ path: here, key, required }, ...keysOf(key, here)];
  });
  const each = schema.additionalProperties;
  const named = typeof each === "object" ? keysOf(each, path === "" ? "NAME" : `${path}.NAME`) : [];
  const items = schema.items === undefined ? [] : keysOf(schema.items, `${path}[]`);
  const kinds = (schema.anyOf ?? schema.oneOf ?? []).flatMap((kind) => keysOf(kind, path));
  return once([...own, ...named, ...items, ...kinds.filter(({ path: one }) => !one.endsWith("secure"))]);
}

/** Kinds of one thing share keys. */
function once(keys: readonly Key[]): Key[] {
  return [...new Map(keys.map((key) => [key.path, key] as const).reverse()).values()].reverse();
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (schema.$ref !== undefined) return "";
  const kinds = schema.anyOf ?? schema.oneOf;
  if (kinds !== undefined) return [...new Set(kinds.map(typeOf).filter((kind) => kind !== ""))].join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {}) || "values"}`;
  if (schema.type === "object") return "mapping";
  if (schema.type === "string") return "text";
  if (schema.type === "integer" || schema.type === "number") return rangeOf(schema);
  return schema.type === "boolean" ? "true, false" : (schema.type ?? "");
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  return minimum === undefined || maximum === undefined ? "number" : `${minimum} to ${maximum}`;
}

function defaultOf(schema: JsonSchema): string {
  if (schema.default !== undefined) return `\`${JSON.stringify(schema.default)}\``;
  return /Default: (.*?)\.?$/.exec(schema.description ?? "")?.[1] ?? "";
}
