/** Fields that come first in a manifest; the rest keeps its order. */
const leading = ["apiVersion", "kind", "metadata"];
const plain = /^[A-Za-z/][A-Za-z0-9_./-]*$/;
/** Words that some reader of YAML takes for a boolean, a number or nothing. */
const reserved = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf|e[\d_.]*)$/i;

/**
 * One object as YAML that every version of the language reads alike. Written here, because a render of thousands of
 * objects spends most of its own time on this, and manifests need little of the language.
 */
export function toManifest(object: Readonly<Record<string, unknown>>): string {
  const rest = Object.keys(object).filter((key) => !leading.includes(key));
  const ordered = [...leading.filter((key) => key in object), ...rest].map((key) => [key, object[key]] as const);
  return mapping(ordered, "");
}

function mapping(entries: readonly (readonly [string, unknown])[], indent: string): string {
  return entries.map(([key, value]) => `${indent}${scalar(key)}:${nested(value, indent)}`).join("");
}

/** What follows `key:` or `-`, with its line break. */
function nested(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return " []\n";
    return `\n${value.map((item) => `${indent}  -${element(item, `${indent}  `)}`).join("")}`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    return entries.length === 0 ? " {}\n" : `\n${mapping(entries, `${indent}  `)}`;
  }
  if (typeof value === "string" && fitsBlock(value)) return block(value, indent);
  return ` ${scalar(value)}\n`;
}

/** A map in a list begins on the dash's own line. */
function element(item: unknown, indent: string): string {
  const isMap = typeof item === "object" && item !== null && !Array.isArray(item) && Object.keys(item).length > 0;
  return isMap ? ` ${mapping(Object.entries(item), `${indent}  `).slice(indent.length + 2)}` : nested(item, indent);
}

function scalar(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return plain.test(value) && !reserved.test(value) ? value : JSON.stringify(value);
}

/** Whether a text of several lines can stand as it is: no line of it could be taken for indentation or lose its end. */
function fitsBlock(text: string): boolean {
  return text.includes("\n") && !/^[ \n]|[^\S\n](?:\n|$)|[^\n\x20-\x7e\u00a0-\ud7ff]|\n\n$/.test(text);
}

function block(text: string, indent: string): string {
  const ends = text.endsWith("\n");
  const lines = (ends ? text.slice(0, -1) : text).split("\n");
  return ` ${ends ? "|" : "|-"}\n${lines.map((line) => (line === "" ? "\n" : `${indent}  ${line}\n`)).join("")}`;
}
