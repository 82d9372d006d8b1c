import { parse } from "yaml";
import type { KubeObject } from "../direct/objects.ts";
import type { RenderedChange } from "./compare.ts";
import { redactText } from "./redact.ts";
import type { Rendered } from "./rendered.ts";
import { at, canonical, containersOf, list, podSpec, text, tree } from "./values.ts";

/** One fact about the whole stack, `what` as code and `text` as words. */
export interface Fact {
  readonly what: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly text?: string | undefined;
}

/** Images by repository, wherever pods or mesh proxies name them, with how many objects use each. */
export function imageFacts(base: Rendered, head: Rendered): Fact[] {
  const [before, after] = [imagesOf(base), imagesOf(head)];
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const [from, to] = [before, after].map((images) => [...(images.get(name)?.keys() ?? [])].sort().join(", "));
    if (from === to) return [];
    const users = [...(after.get(name)?.values() ?? [])].reduce((sum, count) => sum + count, 0);
    return [
      {
        what: name,
        from: from === "" ? undefined : from,
        to: to === "" ? undefined : to,
        text: users === 0 ? undefined : `in ${users} ${users === 1 ? "object" : "objects"}`,
      },
    ];
  });
}

function imagesOf({ objects }: Rendered): Map<string, Map<string, number>> {
  const images = new Map<string, Map<string, number>>();
  for (const object of objects.values()) {
    const spec = podSpec(object);
    if (spec === undefined) continue;
    const used = new Set(containersOf(spec).map(({ image }) => text(image)));
    for (const image of used) {
      const [, name = image, version = ""] = /^(.*?)((?::[^/:@]+)?(?:@.*)?)$/.exec(image) ?? [];
      const versions = images.get(name) ?? new Map<string, number>();
      versions.set(version, (versions.get(version) ?? 0) + 1);
      images.set(name, versions);
    }
  }
  return images;
}

/** Routes whose shares change: each backend with its weight, before and after. */
export function routeFacts(base: Rendered, head: Rendered): Fact[] {
  const [before, after] = [routesOf(base), routesOf(head)];
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((what) => ({ what, from: before.get(what), to: after.get(what) }));
}

function routesOf({ objects }: Rendered): Map<string, string> {
  const routes = new Map<string, string>();
  for (const object of objects.values()) {
    const { kind, metadata } = object;
    if (kind !== "VirtualService" && !/^(HTTP|GRPC|TCP|TLS)Route$/.test(kind)) continue;
    const mesh = kind === "VirtualService";
    const rules = mesh
      ? ["http", "tls", "tcp"].flatMap((protocol) => list(at(object, "spec", protocol)))
      : list(at(object, "spec", "rules"));
    rules.forEach((rule, index) => {
      const name = at(rule, "name");
      const id = `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
      const place = `${id} ${typeof name === "string" ? name : `rule ${index + 1}`}`;
      const ends = list(at(rule, mesh ? "route" : "backendRefs"));
      const shares = ends.map((end) => shareOf(end, mesh, ends.length)).join(", ");
      if (shares !== "") routes.set(place, shares);
    });
  }
  return routes;
}

function shareOf(end: unknown, mesh: boolean, ends: number): string {
  const place = mesh ? tree(at(end, "destination")) : tree(end);
  const to = mesh
    ? `${text(place["host"])}${place["subset"] === undefined ? "" : ` ${text(place["subset"])}`}`
    : text(place["name"]);
  return `${to} ${text(at(end, "weight"), ends === 1 ? "100" : mesh ? "0" : "1")}`;
}

/** Alerts that come, go or change, out of every rule file in a ConfigMap or a PrometheusRule. */
export function alertFacts(base: Rendered, head: Rendered): Fact[] {
  const [before, after] = [alertsOf(base), alertsOf(head)];
  const facts: Fact[] = [];
  for (const [what, rule] of before)
    if (!after.has(what)) facts.push({ what, text: `goes: nobody is told any more (${severityOf(rule)})` });
  for (const [what, rule] of after) {
    const old = before.get(what);
    if (old === undefined) facts.push({ what, text: `comes (${severityOf(rule)})` });
    else if (canonical(old) !== canonical(rule)) facts.push({ what, text: `changes: ${changedKeys(old, rule)}` });
  }
  return facts;
}

function alertsOf({ objects }: Rendered): Map<string, unknown> {
  const alerts = new Map<string, unknown>();
  for (const object of objects.values())
    for (const groups of ruleGroupsOf(object))
      for (const group of groups)
        for (const rule of list(at(group, "rules"))) {
          const name = at(rule, "alert");
          if (typeof name !== "string") continue;
          // An alert may have a rule for each severity or part.
          let key = name;
          for (let twin = 2; alerts.has(key); twin++) key = `${name} (${twin})`;
          alerts.set(key, rule);
        }
  return alerts;
}

function ruleGroupsOf(object: KubeObject): (readonly unknown[])[] {
  if (object.kind === "PrometheusRule") return [list(at(object, "spec", "groups"))];
  if (object.kind !== "ConfigMap") return [];
  return Object.values(tree(object["data"])).flatMap((file) => {
    if (typeof file !== "string" || !/^groups:/m.test(file)) return [];
    try {
      return [list(at(parse(file), "groups"))];
    } catch {
      // What only looks like rules has no alerts; the field's own change is shown all the same.
      return [];
    }
  });
}

function severityOf(rule: unknown): string {
  return text(at(rule, "labels", "severity"), "no severity");
}

function changedKeys(from: unknown, to: unknown): string {
  const keys = [...new Set([...Object.keys(tree(from)), ...Object.keys(tree(to))])];
  const of = (rule: unknown, key: string) => {
    const value = at(rule, key);
    return value === undefined ? "(none)" : redactText(typeof value === "string" ? value : JSON.stringify(value));
  };
  const short = (value: string) => (value.length > 60 ? `${value.slice(0, 60)}…` : value);
  return keys
    .filter((key) => canonical(at(from, key)) !== canonical(at(to, key)))
    .map((key) =>
      ["for", "keep_firing_for", "labels"].includes(key)
        ? `${key} ${short(of(from, key))} → ${short(of(to, key))}`
        : key,
    )
    .join(", ");
}

const policyKinds =
  /Policy$|PolicyBinding$|^(Cluster)?Role(Binding)?$|^(Peer|Request)Authentication$|WebhookConfiguration$|^ResourceQuota$|^LimitRange$/;

/** How many rules of each kind about what may be done come, change and go. */
export function policyFacts(changes: readonly RenderedChange[]): Fact[] {
  const kinds = new Map<string, RenderedChange[]>();
  for (const change of changes)
    if (policyKinds.test(change.identity.kind))
      kinds.set(change.identity.kind, [...(kinds.get(change.identity.kind) ?? []), change]);
  return [...kinds].map(([what, all]) => {
    const count = (word: string, test: (change: RenderedChange) => boolean) => {
      const number = all.filter(test).length;
      return number === 0 ? [] : [`${number} ${word}`];
    };
    const parts = [
      ...count("removed", ({ action }) => action === "remove"),
      ...count("replaced", ({ action }) => action === "replace"),
      ...count("wider", ({ action, risk }) => action !== "replace" && risk === "widen"),
      ...count("changed", ({ action, risk }) => action === "change" && risk === "change"),
      ...count("added", ({ action, risk }) => action === "add" && risk === "add"),
    ];
    return { what, text: parts.join(", ") };
  });
}
