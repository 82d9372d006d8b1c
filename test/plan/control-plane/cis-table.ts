import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A row of docs/cis-benchmark.md. */
export interface CisRow {
  readonly item: string;
  readonly how: string;
  /** What it is held to, or undefined where nothing on a host shows it. */
  readonly check: CisCheck | undefined;
}

export type CisCheck =
  | { readonly kind: "flag"; readonly program: string; readonly flag: string; readonly value: string | undefined }
  | { readonly kind: "has" | "lacks"; readonly program: string; readonly flag: string; readonly value: string }
  | { readonly kind: "absent"; readonly program: string; readonly flag: string }
  | { readonly kind: "kubelet"; readonly field: string; readonly value: string | undefined }
  | { readonly kind: "kubelet-absent"; readonly field: string }
  | { readonly kind: "mode" | "owner" | "text"; readonly path: string; readonly value: string };

const file = join(import.meta.dirname, "../../../docs/cis-benchmark.md");

export function cisRows(): CisRow[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => /^\| \d/.test(line))
    .map((line) => {
      const [, item = "", , how = "", check = ""] = line.split("|").map((cell) => cell.trim());
      return { item, how, check: check.startsWith("`") ? readCheck(check.slice(1, -1)) : undefined };
    });
}

/** @throws where a row says something that no test understands */
function readCheck(text: string): CisCheck {
  const [subject = "", ...words] = text.split(" ");
  const [first = "", second = "", third = ""] = words;
  if (subject === "mode" || subject === "owner" || subject === "text")
    return { kind: subject, path: first, value: second };
  if (subject === "kubelet") {
    if (first === "no") return { kind: "kubelet-absent", field: second };
    const [field = "", value] = first.split("=");
    return { kind: "kubelet", field, value };
  }
  if (first === "no") return { kind: "absent", program: subject, flag: second };
  if (second === "has" || second === "lacks") return { kind: second, program: subject, flag: first, value: third };
  if (!first.startsWith("--")) throw new Error(`docs/cis-benchmark.md: "${text}" is no check that a test knows`);
  const equals = first.indexOf("=");
  return equals < 0
    ? { kind: "flag", program: subject, flag: first, value: undefined }
    : { kind: "flag", program: subject, flag: first.slice(0, equals), value: first.slice(equals + 1) };
}

/** What is wrong with the flags of a program, or undefined. */
export function flagFault(check: CisCheck, flags: ReadonlyMap<string, string>): string | undefined {
  switch (check.kind) {
    case "flag": {
      const value = flags.get(check.flag);
      if (value !== undefined && (check.value === undefined || check.value === value)) return undefined;
      return `${check.program} ${check.flag} is ${value ?? "not set"}`;
    }
    case "has":
    case "lacks": {
      const has = (flags.get(check.flag) ?? "").split(",").includes(check.value);
      return has === (check.kind === "has") ? undefined : `${check.program} ${check.flag} is ${flags.get(check.flag)}`;
    }
    case "absent":
      return flags.has(check.flag) ? `${check.program} ${check.flag} is ${flags.get(check.flag)}` : undefined;
    default:
      return undefined;
  }
}

/** The same for a kubelet's configuration. */
export function kubeletFault(check: CisCheck, configuration: Readonly<Record<string, unknown>>): string | undefined {
  if (check.kind !== "kubelet" && check.kind !== "kubelet-absent") return undefined;
  const value = check.field
    .split(".")
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], configuration);
  if (check.kind === "kubelet-absent") return value === undefined ? undefined : `kubelet ${check.field} is set`;
  if (value === undefined) return `kubelet ${check.field} is not set`;
  return check.value === undefined || check.value === String(value)
    ? undefined
    : `kubelet ${check.field} is ${String(value)}`;
}
