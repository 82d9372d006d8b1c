import type { FieldChange } from "../direct/diff.ts";

const hidden = "(not shown)";

/** Names of fields and variables whose literal values are secrets, but not of those that only say where one is. */
const secretName = /pass(word|wd|phrase)?|secret|token|api[-_]?key|private[-_]?key|credential|authorization/i;
const placeOnly = /(name|ref|file|path|dir|namespace|policy|seconds|audience|key|url|uri|type|version)s?$/i;

/** Texts that are secrets wherever they stand. The forms are those that gitleaks' default rules know of these makers. */
const secretForms: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /AGE-SECRET-KEY-1[A-Z0-9]+/gi,
  /\b(ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[abpr]|pul|npm)[-_][A-Za-z0-9_-]{10,}/g,
  /\bAKIA[A-Z0-9]{16}\b/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /(?<=:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g,
  /(?<=\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}/gi,
  /\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}/g,
];
/** `password: x` or `token=x` in a text such as a configuration file. */
const assignment =
  /((?:password|passwd|secret|token|api[-_]?key|credentials?)["']?\s*[:=]\s*)(?!unset:)["']?[^\s"',]+/gi;

/** A field's change without the secrets that its values may hold, though its object is no Secret. */
export function redactChange(change: FieldChange): FieldChange {
  if (change.secret) return change;
  const last = lastName(change.path);
  const secret = isSecretName(last) && (isLiteral(change.from) || isLiteral(change.to));
  return secret ? { ...change, secret } : { ...change, from: redact(change.from), to: redact(change.to) };
}

/** The name that says what a value is: the variable's, for the value of one. */
function lastName(path: string): string {
  const variable = /\[([^\]]+)\]\.value$/.exec(path);
  return variable?.[1] ?? /([^.[\]"]+)"?\]?$/.exec(path)?.[1] ?? path;
}

function isSecretName(name: string): boolean {
  return secretName.test(name) && !placeOnly.test(name.replace(/(api|private)[-_]?key$/i, ""));
}

function isLiteral(value: unknown): boolean {
  return typeof value === "string" && value !== "" && !value.startsWith("unset:");
}

function redact(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== "object" || value === null) return value;
  const variable = (value as { name?: unknown }).name;
  const named = Object.entries(value).map(([key, item]: [string, unknown]) => {
    const name = key === "value" && typeof variable === "string" ? variable : key;
    return [key, isSecretName(name) && isLiteral(item) ? hidden : redact(item)];
  });
  return Object.fromEntries(named);
}

export function redactText(text: string): string {
  const formless = secretForms.reduce((shown, form) => shown.replace(form, hidden), text);
  return formless.replace(assignment, `$1${hidden}`);
}
