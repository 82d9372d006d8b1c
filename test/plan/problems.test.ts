import { describe, expect, it } from "vitest";
import { didYouMean, InputError, list, refuse } from "../../components/plan/problems.ts";

describe("refuse", () => {
  it("says nothing without problems", () => {
    expect(() => refuse("the input", [])).not.toThrow();
  });

  it("names every problem in one error, one line each", () => {
    const problems = [
      { key: "a.b", text: "is 1, but it must be 2; set it to 2" },
      { key: "c", text: "is missing, but it must be text; set it" },
    ];
    expect(() => refuse("the input", problems)).toThrow(new InputError("the input", problems).message);
    expect(new InputError("the input", problems).message).toBe(
      "the input has 2 problems:\n  a.b is 1, but it must be 2; set it to 2\n  c is missing, but it must be text; set it",
    );
    expect(new InputError("the input", problems.slice(0, 1)).message).toMatch(/^the input has 1 problem:\n/);
  });
});

describe.each([
  ["replicaz", "replicas"],
  ["Replicas", "replicas"],
  ["repilcas", "replicas"],
  ["port", "port"],
  ["colour", undefined],
  ["x", undefined],
])("didYouMean(%s)", (name, meant) => {
  it(`is ${meant}`, () => {
    expect(didYouMean(name, ["image", "replicas", "port"])).toBe(meant);
  });
});

it("lists as people write", () => {
  expect([list([]), list(["a"]), list(["a", "b"]), list(["a", "b", "c"], "or")]).toEqual([
    "",
    "a",
    "a and b",
    "a, b or c",
  ]);
});
