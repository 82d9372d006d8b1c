/** What stands where a secret stood. */
export const redacted = "[redacted]";

/** A part of a text that is taken out, as a regular expression of RE2, and what takes its place: `$1` is its first group. */
interface SecretText {
  readonly pattern: string;
  readonly replacement: string;
}

const keyEnds =
  "password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|cookie";
const key = `[a-z0-9_.-]*(?:${keyEnds})`;
/** A bare value ends with what ends it in a URL, a JSON text or a list; rather a bracket too much than half a password left. */
const bare = String.raw`[^\s,;&"'\\]`;
const gone = `$\{1}${redacted}`;

/** Names of attributes whose whole value is a secret. */
export const secretKeys: readonly string[] = [`(?i)(?:^|[._-])(?:${keyEnds})$`];

/** What is taken out of every text, in this order: the surroundings that name the secret stay, and JSON stays JSON. */
export const secretTexts: readonly SecretText[] = [
  // A block in one text, its end cut off or not; a block over several lines loses each line of its middle.
  {
    pattern: String.raw`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`,
    replacement: redacted,
  },
  { pattern: String.raw`^[A-Za-z0-9+/]{60,76}={0,2}$`, replacement: redacted },
  { pattern: String.raw`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`, replacement: redacted },
  { pattern: String.raw`(?i)("${key}"\s*:\s*)"(?:[^"\\]|\\.)*"`, replacement: `$\{1}"${redacted}"` },
  // JSON inside a JSON text.
  { pattern: String.raw`(?i)(\\"${key}\\"\s*:\s*\\")[^"\\]*`, replacement: gone },
  { pattern: String.raw`(?i)(\bauthorization["']?\s*[:=]\s*["']?(?:[a-z]+\s+)?)${bare}+`, replacement: gone },
  { pattern: String.raw`(?i)(\bbearer\s+)[a-z0-9._~+/=-]{16,}`, replacement: gone },
  { pattern: String.raw`(?i)(\b[a-z][a-z0-9+.-]*://[^\s/:@"']*:)[^\s/@"']+@`, replacement: `${gone}@` },
  { pattern: String.raw`(?i)(\b${key}\s?=\s?)(?:"[^"]*"|'[^']*'|\\"[^"\\]*\\"|${bare}+)`, replacement: gone },
  { pattern: String.raw`(?i)(\b(?:password|passwd|passphrase|pwd)\s?[:=]\s?)${bare}+`, replacement: gone },
  { pattern: String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`, replacement: redacted },
  { pattern: String.raw`\b(?:gh[pousr]_[A-Za-z0-9]{36,}|xox[abprs]-[A-Za-z0-9-]{10,})`, replacement: redacted },
  // Numbers of cards: four times four digits, or American Express' fifteen.
  {
    pattern: String.raw`\b(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6(?:011|5\d\d))(?:[ -]?\d{4}){3}\b|\b3[47]\d\d[ -]?\d{6}[ -]?\d{5}\b`,
    replacement: redacted,
  },
];

type Context = "log" | "span" | "spanevent" | "resource";

/**
 * Statements of the Collector's transform processor that take secrets out of what a context holds.
 *
 * @param patterns further regular expressions, as `collector.redact` has them
 */
export function redactionStatements(context: Context, patterns: readonly string[]): string[] {
  const texts = [...secretTexts, ...patterns.map((pattern) => ({ pattern, replacement: redacted }))];
  const attributes = `${context}.attributes`;
  const inAttributes = [
    // Texts in lists and mappings are reached by no statement.
    `flatten(${attributes})`,
    ...secretKeys.map((pattern) => `delete_matching_keys(${attributes}, ${quoted(pattern)})`),
    ...texts.map(
      ({ pattern, replacement }) =>
        `replace_all_patterns(${attributes}, "value", ${quoted(pattern)}, ${quoted(replacement)})`,
    ),
  ];
  const inText = (field: string) =>
    texts.map(({ pattern, replacement }) => `replace_pattern(${field}, ${quoted(pattern)}, ${quoted(replacement)})`);
  if (context === "span") return [...inText("span.name"), ...inText("span.status.message"), ...inAttributes];
  if (context !== "log") return inAttributes;
  return [
    `set(log.body, String(log.body)) where log.body != nil and not IsString(log.body)`,
    ...inText("log.body"),
    ...inAttributes,
  ];
}

/** A text as it must stand in the Collector's configuration, which takes `$` for the beginning of a variable. */
export function literal(text: string): string {
  return text.replaceAll("$", "$$$$");
}

/** A text as a statement of the Collector's configuration has it. */
export function quoted(text: string): string {
  return `"${literal(text)
    .replaceAll("\\", String.raw`\\`)
    .replaceAll('"', String.raw`\"`)}"`;
}
