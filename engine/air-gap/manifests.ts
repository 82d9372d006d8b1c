import { parse, stringify } from "yaml";
import { byDigest, referencesIn } from "./references.ts";

/** A rendered object, as the bundle has it. */
export interface BundledManifest {
  /** In the bundle. */
  readonly name: string;
  readonly text: string;
}

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** Policies name images that may run, not images that do. */
const isPolicy = (text: string) => /^kind: ValidatingAdmissionPolicy/m.test(text);

/** The images that rendered manifests run. */
export const imagesOf = (rendered: ReadonlyMap<string, string>) =>
  referencesIn([...rendered.values()].filter((text) => !isPolicy(text)));

/** The manifests of a bundle: images by digest, and secrets that nobody has set in the open, in a folder of their own. */
export function bundledManifests(
  rendered: ReadonlyMap<string, string>,
  digests: ReadonlyMap<string, string>,
): BundledManifest[] {
  return [...rendered].map(([file, text]) => {
    const object = parse(text) as Rendered;
    const unset = object.kind === "Secret" ? withPlainText(object) : undefined;
    if (unset !== undefined) return { name: shortened(`secrets/${file}`), text: stringify(unset) };
    return { name: shortened(`manifests/${file}`), text: isPolicy(text) ? text : byDigest(text, digests) };
  });
}

/** A Secret with texts instead of base64, where one of them is only known to somebody at the site. */
function withPlainText(secret: Rendered): Record<string, unknown> | undefined {
  const { data, ...others } = secret as Rendered & { readonly stringData?: Readonly<Record<string, string>> };
  const decoded = Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")] as const);
  const isText = decoded.every(([, bytes]) => Buffer.from(bytes.toString("utf8")).equals(bytes));
  const texts = Object.fromEntries(decoded.map(([key, bytes]) => [key, bytes.toString("utf8")]));
  const all = { ...texts, ...others.stringData };
  if (!Object.values(all).some((text) => text.includes("unset:"))) return undefined;
  if (!isText)
    throw new Error(`Secret ${secret.metadata.name} has bytes that are no text beside a secret that is not set`);
  return { ...others, stringData: all };
}

/** A tar archive's names have at most 100 bytes; the number at the beginning keeps them apart. */
const shortened = (name: string) => (name.length <= 100 ? name : `${name.slice(0, 90)}.yaml`);

const rolledOut = ["Deployment", "StatefulSet", "DaemonSet"];

/** What install.sh waits for: lines of namespace and kind/name. */
export function workloadList(rendered: ReadonlyMap<string, string>): string {
  return [...rendered.values()]
    .map((text) => parse(text) as Rendered)
    .filter(({ kind }) => rolledOut.includes(kind))
    .map(({ kind, metadata: { namespace, name } }) => `${namespace ?? "default"} ${kind.toLowerCase()}/${name}\n`)
    .join("");
}
