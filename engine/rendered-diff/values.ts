/** How to walk objects whose shape nobody has checked: what is not there, or is something else, is empty. */
export type Tree = Readonly<Record<string, unknown>>;

export function tree(value: unknown): Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Tree) : {};
}

export function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const key of path) {
    const map = tree(here);
    here = Object.hasOwn(map, key) ? map[key] : undefined;
  }
  return here;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

export function texts(value: unknown): readonly string[] {
  return list(value).map((item) => text(item));
}

/** A plain value as text; what is none in the same form as everywhere. */
export function text(value: unknown, otherwise = ""): string {
  if (value === undefined || value === null) return otherwise;
  return typeof value === "string" ? value : canonical(value);
}

/** One text for equal values, whatever the order of their fields. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(",")}}`;
}

/** What runs in an object: a pod's spec, wherever the kind keeps it. */
export function podSpec(object: unknown): Tree | undefined {
  const kind = at(object, "kind");
  const found =
    kind === "Pod"
      ? at(object, "spec")
      : kind === "CronJob"
        ? at(object, "spec", "jobTemplate", "spec", "template", "spec")
        : at(object, "spec", "template", "spec");
  return typeof found === "object" && found !== null ? tree(found) : undefined;
}

export function containersOf(spec: Tree): readonly Tree[] {
  return [...list(spec["initContainers"]), ...list(spec["containers"])].map(tree);
}
