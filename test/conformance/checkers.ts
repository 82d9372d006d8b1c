import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProcess } from "../../engine/process.ts";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { binaryPath, ensurePart } from "../../local/toolchain.ts";
import { withoutSchema } from "./exemptions.ts";
import { definedKinds, fileOfKind, schemaLocation } from "./schemas.ts";

export interface Finding {
  /** `Kind/namespace/name`. */
  readonly object: string;
  readonly check: string;
  readonly text: string;
}

/** Objects as the stream of documents that both checkers read. */
function documents(objects: readonly KubeObject[]): string {
  return objects.map((object) => `${JSON.stringify(object)}\n`).join("---\n");
}

interface Score {
  readonly object_name: string;
  readonly checks: readonly {
    readonly check: { readonly id: string };
    readonly grade: number;
    readonly skipped: boolean;
    readonly comments: readonly { readonly path: string; readonly summary: string }[] | null;
  }[];
}

/** What kube-score finds that is not wholly good. */
export async function kubeScore(objects: readonly KubeObject[], optional: readonly string[]): Promise<Finding[]> {
  await ensurePart("kube-score", console.log);
  const program = binaryPath("kube-score", "kube-score");
  const flags = ["--kubernetes-version", "v1.37", "--disable-ignore-checks-annotations", "--output-format", "json"];
  const enabled = optional.flatMap((check) => ["--enable-optional-test", check]);
  const { stdout, stderr } = await runProcess(program, ["score", ...flags, ...enabled, "-"], {
    input: documents(objects),
  });
  if (!stdout.startsWith("[")) throw new Error(`kube-score has not scored: ${stdout}${stderr}`);
  return (JSON.parse(stdout) as Score[]).flatMap(({ object_name: name, checks }) =>
    checks
      .filter(({ grade, skipped }) => !skipped && grade < 10)
      .map(({ check, comments }) => ({
        object: shortName(name),
        check: check.id,
        text: (comments ?? []).map(({ path, summary }) => `${path} ${summary}`.trim()).join("; "),
      })),
  );
}

/** kube-score names `Deployment/apps/v1/<namespace>/<name>` and `Service/v1/<namespace>/<name>`. */
function shortName(name: string): string {
  const [kind = "", ...rest] = name.split("/");
  return [kind, ...rest.slice(-2)].join("/");
}

export const kindOf = ({ apiVersion, kind }: Pick<KubeObject, "apiVersion" | "kind">) => `${apiVersion}/${kind}`;

/**
 * What does not fit the schemas of a release of Kubernetes, or of the definitions among the objects: a line each. Kinds that have neither
 * are left out, each for a reason.
 */
export async function kubeconform(objects: readonly KubeObject[], version: string): Promise<string[]> {
  await ensurePart("kubeconform", console.log);
  const defined = definedKinds(objects.filter(({ kind }) => kind === "CustomResourceDefinition"));
  const known = new Set(defined.map(kindOf));
  const checked = objects.filter((object) => known.has(kindOf(object)) || withoutSchema[kindOf(object)] === undefined);
  const folder = mkdtempSync(join(tmpdir(), "schemas-"));
  for (const { file, schema } of defined) writeFileSync(join(folder, file), JSON.stringify(schema));
  const locations = [await schemaLocation(version), join(folder, fileOfKind)];
  const flags = ["-strict", "-summary", "-output", "json", ...locations.flatMap((one) => ["-schema-location", one])];
  const { stdout, stderr } = await runProcess(binaryPath("kubeconform", "kubeconform"), flags, {
    input: documents(checked),
  }).finally(() => rmSync(folder, { recursive: true }));
  if (!stdout.startsWith("{")) throw new Error(`kubeconform has not checked: ${stdout}${stderr}`);
  const { resources = [], summary } = JSON.parse(stdout) as {
    resources?: { kind: string; name: string; status: string; msg: string }[];
    summary: { valid: number };
  };
  const lines = resources.map(({ kind, name, status, msg }) => `${kind} ${name}: ${status} ${msg}`);
  if (lines.length === 0 && summary.valid !== checked.length)
    lines.push(`${summary.valid} of ${checked.length} objects were checked`);
  return lines;
}
