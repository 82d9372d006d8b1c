import { describe, expect, test } from "vitest";
import { unfitReasons, type MachineFacts } from "../../local/cluster.ts";

const fit: MachineFacts = { platform: "linux", uid: 0, hasNamespaces: true, hasGo: true };

describe("a machine for bare hosts", () => {
  test("is a Linux with namespaces, root and Go", () => expect(unfitReasons(fit)).toEqual([]));

  test.each<[string, Partial<MachineFacts>, RegExp]>([
    ["macOS", { platform: "darwin", hasNamespaces: false }, /runs darwin, but bare hosts need Linux/],
    ["Windows", { platform: "win32", uid: undefined, hasNamespaces: false }, /runs win32, but bare hosts need Linux/],
    ["not root", { uid: 1000 }, /not root.*sudo npm start/],
    ["no Go", { hasGo: false }, /go was not found; install Go/],
    ["no namespaces", { hasNamespaces: false }, /network namespaces/],
  ])("%s is refused with the reason", (_, facts, reason) => {
    expect(unfitReasons({ ...fit, ...facts })).toEqual([expect.stringMatching(reason)]);
  });

  test("everything that is missing is named at once", () => {
    expect(unfitReasons({ platform: "linux", uid: 1000, hasNamespaces: false, hasGo: false })).toHaveLength(3);
  });
});
