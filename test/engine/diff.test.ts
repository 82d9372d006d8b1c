import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffObjects, showChange } from "../../engine/direct/diff.ts";
import { keepLive, parsePath, showPath } from "../../engine/direct/field-path.ts";
import { unknown } from "../../engine/direct/registration.ts";
import { object } from "./objects.ts";

const lines = (
  from: Record<string, unknown>,
  to: Record<string, unknown>,
  secretPaths: string[][] = [],
  kind = "ConfigMap",
) => diffObjects(object(kind, "x", from), object(kind, "x", to), secretPaths).map(showChange);

describe("the difference of two objects", () => {
  test.each<[string, Record<string, unknown>, Record<string, unknown>, string[]]>([
    ["nothing", { spec: { a: [1, { b: 2 }] } }, { spec: { a: [1, { b: 2 }] } }, []],
    ["a number", { spec: { replicas: 2 } }, { spec: { replicas: 3 } }, ["spec.replicas: 2 → 3"]],
    ["a field that comes", { spec: {} }, { spec: { paused: true } }, ["spec.paused: (none) → true"]],
    ["a field that goes", { data: { a: "x" } }, { data: {} }, ["data.a: x → (none)"]],
    ["a key that is no name", { data: { "a.b": "x" } }, { data: { "a.b": "" } }, ['data["a.b"]: x → ""']],
    [
      "a named element",
      { spec: { containers: [{ name: "a", image: "i:1" }, { name: "b" }] } },
      { spec: { containers: [{ name: "a", image: "i:2" }, { name: "b" }] } },
      ["spec.containers[a].image: i:1 → i:2"],
    ],
    [
      "an element that goes, whole",
      {
        env: [
          { name: "A", value: "1" },
          { name: "B", value: "2" },
        ],
      },
      { env: [{ name: "B", value: "2" }] },
      ['env[A]: {"name":"A","value":"1"} → (none)'],
    ],
    [
      "the order of named elements",
      { c: [{ name: "a" }, { name: "b" }] },
      { c: [{ name: "b" }, { name: "a" }] },
      ['c (order): ["a","b"] → ["b","a"]'],
    ],
    [
      "elements without names, by position",
      { args: ["a", "b"] },
      { args: ["a", "c", "d"] },
      ["args[1]: b → c", "args[2]: (none) → d"],
    ],
    [
      "text of several lines, at the first that differs",
      { t: "a\nb\n" },
      { t: "a\nc\nd\n" },
      ["t: line 2: b → c (3 → 4 lines)"],
    ],
    ["a value known only later", { image: "a" }, { image: unknown }, ["image: a → (known after up)"]],
    ["another type", { a: { b: 1 } }, { a: [1] }, ['a: {"b":1} → [1]']],
    ["a long value, cut", { a: "x" }, { a: "y".repeat(200) }, [`a: x → ${"y".repeat(100)}…`]],
  ])("%s", (_title, from, to, expected) => expect(lines(from, to)).toEqual(expected));

  test("what the API server keeps for itself does not count", () => {
    const from = {
      status: { a: 1 },
      metadata: { resourceVersion: "1", uid: "a", generation: 1, managedFields: [1], creationTimestamp: "t" },
    };
    const to = {
      status: { a: 2 },
      metadata: { resourceVersion: "2", uid: "b", generation: 2, managedFields: [], creationTimestamp: "u" },
    };
    expect(lines(from, to)).toEqual([]);
  });

  test("secrets are masked: a Secret's data, and what the program calls secret, wherever it stands", () => {
    expect(lines({ data: { p: "b2xk" } }, { data: { p: "bmV3", q: "eA==" } }, [], "Secret")).toEqual([
      "data.p: (secret) → (another secret)",
      "data.q: (none) → (another secret)",
    ]);
    const env = (value: string) => ({ spec: { containers: [{ name: "c", env: [{ name: "P", value }] }] } });
    const secretPaths = [["spec", "containers", "0", "env", "0", "value"]];
    const shown = lines(env("old"), env("new"), secretPaths);
    expect(shown).toEqual(["spec.containers[c].env[P].value: (secret) → (another secret)"]);
    const gone = lines(env("old"), { spec: { containers: [{ name: "c", env: [] }] } }, secretPaths).join();
    expect(gone).toContain("env[P].value: (secret) → (none)");
    expect(gone).not.toContain("old");
  });

  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.array(tie("value")),
      fc.dictionary(fc.string(), tie("value")),
    ),
  })).value;

  test("a key that every JavaScript object seems to have is a key like others", () => {
    expect(lines({ data: {} }, { data: { constructor: "x" } })).toEqual(["data.constructor: (none) → x"]);
    expect(lines({ data: { toString: "x" } }, { data: {} })).toEqual(["data.toString: x → (none)"]);
  });

  test("an empty object is no empty list", () => {
    expect(lines({ a: {} }, { a: [] })).toHaveLength(1);
  });

  test("an object does not differ from itself, and differs from any other", () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        expect(lines({ a }, { a: structuredClone(a) })).toEqual([]);
        if (JSON.stringify(a) === JSON.stringify(b)) return;
        // Key order is no difference.
        const same = fc.stringify(sorted(a)) === fc.stringify(sorted(b));
        expect(lines({ a }, { a: b }).length > 0).toBe(!same);
      }),
    );
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  // A map, as `{}` is no list, and an object would take a key `__proto__` for its own affair.
  return new Map(entries.map(([key, item]) => [key, sorted(item)]));
}

describe("property paths", () => {
  test.each<[string, (string | number)[]]>([
    ["spec.replicas", ["spec", "replicas"]],
    ['metadata.annotations["a.b/c"]', ["metadata", "annotations", "a.b/c"]],
    ["webhooks[0].clientConfig.caBundle", ["webhooks", 0, "clientConfig", "caBundle"]],
    ["webhooks[*].clientConfig", ["webhooks", "*", "clientConfig"]],
    ["data.*", ["data", "*"]],
  ])("%s", (path, parts) => expect(parsePath(path)).toEqual(parts));

  test("are shown as people write them", () => {
    expect(showPath(["spec", "containers", "[app]", "image"])).toBe("spec.containers[app].image");
    expect(showPath(["data", "a.b"])).toBe('data["a.b"]');
  });
});

describe("fields whose changes are ignored", () => {
  test.each<[string, unknown, unknown, string, unknown]>([
    [
      "keep the live value",
      { spec: { replicas: 2, x: 1 } },
      { spec: { replicas: 5 } },
      "spec.replicas",
      { spec: { replicas: 5, x: 1 } },
    ],
    ["are left out where the cluster has none", { spec: { replicas: 2 } }, { spec: {} }, "spec.replicas", { spec: {} }],
    ["come in where only the cluster has them", { a: 1 }, { b: { c: 1, d: 2 } }, "b.c", { a: 1, b: { c: 1 } }],
    ["below something that neither has", { a: 1 }, { a: 2 }, "b.c.d", { a: 1 }],
    ["below something that is no map", { a: 1 }, { a: 2 }, "a.b", { a: 1 }],
    ["in one element", [{ a: 1 }, { a: 2 }], [{ a: 8 }, { a: 9 }], "[1].a", [{ a: 1 }, { a: 9 }]],
    [
      "in every element",
      { w: [{ a: 1 }, { a: 2 }] },
      { w: [{ a: 8 }, { a: 9 }] },
      "w[*].a",
      { w: [{ a: 8 }, { a: 9 }] },
    ],
    ["a whole map", { data: { a: "1" } }, { data: { a: "2", b: "3" } }, "data", { data: { a: "2", b: "3" } }],
    ["every key", { data: { a: "1" } }, { data: { a: "2", b: "3" } }, "data.*", { data: { a: "2" } }],
  ])("%s", (_title, wanted, live, path, expected) => {
    const before = structuredClone(wanted);
    expect(keepLive(wanted, live, parsePath(path))).toEqual(expected);
    expect(wanted).toEqual(before);
  });
});
