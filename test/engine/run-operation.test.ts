import { describe, expect, it } from "vitest";
import { standingLine } from "../../engine/run-operation.ts";

describe("what a step tells of etcd", () => {
  it.each([
    ["3 of 3 etcd members answer, 2 must agree: 1 may fail", "made\nstanding 3 3\ndone\n"],
    ["1 of 3 etcd members answer, 2 must agree: the quorum is lost", "standing 3 1\n"],
    ["etcd does not tell its members now: how many of them answer is not known", "standing unknown\n"],
    [undefined, "done\n"],
  ])("is said as: %s", (line, output) => {
    expect(standingLine(output)).toBe(line);
  });
});
