import { expect, it } from "vitest";
import { contentHash } from "../../components/plan/hash.ts";

it("depends on names and texts, not on their order", () => {
  const hash = contentHash({ a: "1", b: "2" });
  expect(contentHash({ b: "2", a: "1" })).toBe(hash);
  expect(new Set([hash, contentHash({ a: "1", b: "3" }), contentHash({ a: "12", b: "" }), contentHash({})]).size).toBe(
    4,
  );
  expect(hash).toMatch(/^[0-9a-f]{16}$/);
});
