/** A part of a Pulumi property path: a field, an index, or `*` for every element. */
export type PathPart = string | number;

/** Takes apart a path such as `webhooks[*].clientConfig.caBundle` or `metadata.annotations["a/b"]`. */
export function parsePath(path: string): PathPart[] {
  const parts: PathPart[] = [];
  for (const [, quoted, index, star, field] of path.matchAll(/\["([^"]*)"\]|\[(\d+)\]|(\[\*\]|\*)|([^.[\]]+)/g)) {
    if (quoted !== undefined) parts.push(quoted);
    else if (index !== undefined) parts.push(Number(index));
    else if (star !== undefined) parts.push("*");
    else if (field !== undefined) parts.push(field);
  }
  return parts;
}

/**
 * `wanted` with the fields at a path as they are in `live`: a field that only one of the two has comes in or goes out.
 * Nothing is changed in place.
 */
export function keepLive(wanted: unknown, live: unknown, path: readonly PathPart[]): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return live;
  if (wanted === undefined) {
    const value = typeof part === "string" && part !== "*" ? keepLive(undefined, fieldOf(live, part), rest) : undefined;
    return value === undefined ? undefined : { [part]: value };
  }
  if (Array.isArray(wanted)) {
    const list = Array.isArray(live) ? (live as unknown[]) : [];
    return wanted.map((item: unknown, index) =>
      part === "*" || part === index ? keepLive(item, list[index], rest) : item,
    );
  }
  if (typeof wanted !== "object" || wanted === null) return wanted;
  const result: Record<string, unknown> = { ...wanted };
  for (const key of part === "*" ? Object.keys(result) : [String(part)]) {
    const value = keepLive(result[key], fieldOf(live, key), rest);
    if (value === undefined) Reflect.deleteProperty(result, key);
    else result[key] = value;
  }
  return result;
}

function fieldOf(value: unknown, key: PathPart): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[String(key)] : undefined;
}

/** A path for people: `spec.containers[app].image`, `data["prometheus.yml"]`. */
export function showPath(parts: readonly string[]): string {
  return parts.reduce((path, part) => {
    if (part.startsWith("[")) return `${path}${part}`;
    if (!/^[A-Za-z_][\w-]*$/.test(part)) return `${path}["${part}"]`;
    return path === "" ? part : `${path}.${part}`;
  }, "");
}
