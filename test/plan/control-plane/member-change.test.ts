import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type MemberChange,
  planMemberChange,
  standingOf,
} from "../../../components/plan/control-plane/member-change.ts";
import { formatProblem } from "../../../components/plan/problems.ts";

const show = (change: MemberChange) =>
  planMemberChange(change).steps.map(
    ({ action, member, after }) =>
      `${action} ${member}: ${after.alive}/${after.voters}, quorum ${after.quorum}, may lose ${after.tolerance}`,
  );

describe("a change of members", () => {
  it.each<[string, MemberChange, string[]]>([
    ["nothing", { from: ["a"], to: ["a"], dead: [] }, []],
    [
      "one to three",
      { from: ["a"], to: ["a", "b", "c"], dead: [] },
      [
        "add learner b: 1/1, quorum 1, may lose 0",
        "promote learner b: 2/2, quorum 2, may lose 0",
        "add learner c: 2/2, quorum 2, may lose 0",
        "promote learner c: 3/3, quorum 2, may lose 1",
      ],
    ],
    [
      "three to one",
      { from: ["a", "b", "c"], to: ["a"], dead: [] },
      ["remove member b: 2/2, quorum 2, may lose 0", "remove member c: 1/1, quorum 1, may lose 0"],
    ],
    [
      "a dead host's replacement by another",
      { from: ["a", "b", "c"], to: ["a", "b", "d"], dead: ["c"] },
      [
        "remove dead member c: 2/2, quorum 2, may lose 0",
        "add learner d: 2/2, quorum 2, may lose 0",
        "promote learner d: 3/3, quorum 2, may lose 1",
      ],
    ],
    [
      "a dead host that comes back empty",
      { from: ["a", "b", "c"], to: ["a", "b", "c"], dead: ["b"] },
      [
        "remove dead member b: 2/2, quorum 2, may lose 0",
        "add learner b: 2/2, quorum 2, may lose 0",
        "promote learner b: 3/3, quorum 2, may lose 1",
      ],
    ],
    [
      "a living member's replacement, which never tolerates less",
      { from: ["a", "b", "c"], to: ["a", "b", "d"], dead: [] },
      [
        "add learner d: 3/3, quorum 2, may lose 1",
        "promote learner d: 4/4, quorum 3, may lose 1",
        "remove member c: 3/3, quorum 2, may lose 1",
      ],
    ],
  ])("%s", (_, change, steps) => {
    expect(show(change)).toEqual(steps);
    expect(planMemberChange(change).problems).toEqual([]);
  });

  it("is refused once the quorum is lost, with the way out", () => {
    const { steps, problems } = planMemberChange({ from: ["a", "b", "c"], to: ["a", "d", "e"], dead: ["b", "c"] });
    expect(steps).toEqual([]);
    expect(problems.map(formatProblem)).toEqual([
      "quorum:controlPlane.hosts has lost b and c: 1 of 3 members live, but 2 must agree before any can be changed; bring one back, or run `npm run control-plane -- recover`",
    ]);
  });

  it("is refused when it would leave nobody", () => {
    expect(planMemberChange({ from: ["a"], to: [], dead: [] }).problems.map(formatProblem)).toEqual([
      'quorum:controlPlane.hosts cannot change by "remove member a": 0 of 0 members would be left, but 1 must agree; keep at least one member, or bring a dead one back first',
    ]);
  });
});

describe("any change of members", () => {
  const pool = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
  const some = (minLength: number) => fc.subarray(pool, { minLength, maxLength: 7 });
  const change = fc
    .tuple(some(1), some(1))
    .chain(([from, to]) => fc.subarray(from).map((dead): MemberChange => ({ from, to, dead })));

  it("ends with the members asked for, and never passes below a quorum", () => {
    fc.assert(
      fc.property(change, (one) => {
        const { steps, problems } = planMemberChange(one);
        const alive = one.from.filter((member) => !one.dead.includes(member)).length;
        if (standingOf(one.from.length, alive).tolerance < 0) {
          expect(problems).toHaveLength(1);
          return;
        }
        expect(problems).toEqual([]);
        // Carried out for real, member by member.
        const voters = new Set(one.from);
        const living = new Set(one.from.filter((member) => !one.dead.includes(member)));
        const learners = new Set<string>();
        for (const { action, member, before, after } of steps) {
          expect(before).toEqual(standingOf(voters.size, living.size));
          expect(learners.size).toBeLessThanOrEqual(1);
          if (action === "add learner") learners.add(member);
          if (action === "promote learner") {
            expect(learners.delete(member)).toBe(true);
            voters.add(member);
            living.add(member);
          }
          if (action === "remove dead member" || action === "remove member") {
            expect(voters.delete(member)).toBe(true);
            living.delete(member);
          }
          expect(after).toEqual(standingOf(voters.size, living.size));
          expect(living.size).toBeGreaterThanOrEqual(after.quorum);
          expect(voters.size).toBeLessThanOrEqual(Math.max(one.from.length, one.to.length) + 1);
        }
        expect([...voters].sort()).toEqual([...one.to].sort());
        expect(living.size).toBe(voters.size);
      }),
    );
  });

  it("of living members never tolerates less than both its ends do", () => {
    fc.assert(
      fc.property(change, ({ from, to }) => {
        const { steps } = planMemberChange({ from, to, dead: [] });
        const ends = [from, to].map(({ length }) => standingOf(length, length).tolerance);
        for (const { after } of steps) expect(after.tolerance).toBeGreaterThanOrEqual(Math.min(...ends));
      }),
    );
  });
});
