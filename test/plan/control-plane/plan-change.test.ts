import { describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { formatChange } from "../../../components/plan/control-plane/format-plan.ts";
import { planChange } from "../../../components/plan/control-plane/plan-change.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { members, settings } from "./settings.ts";

const endpoint = "k8s.example.com:6443";
const one = planControlPlane(settings({ hosts: { h0: { address: "192.0.2.1", role: "control-plane" } }, endpoint }));
const three = planControlPlane(members(3));
const replaced = planControlPlane(
  members(3, {
    hosts: {
      h0: { address: "192.0.2.1", role: "control-plane" },
      h1: { address: "192.0.2.2", role: "control-plane" },
      h9: { address: "192.0.2.9", role: "control-plane" },
    },
  }),
);

describe("a change of plans", () => {
  it("shows what moves, and what is tolerated at every step", () => {
    expect(formatChange(planChange(one, three, []), "text")).toBe(`CHANGE OF THE CONTROL PLANE
                         before  after
  quorum                 1       2
  tolerates the loss of  0       1
  hosts that come                h1, h2
     step             member  before                             after
  1  add learner      h1      1 of 1 vote, 1 needed, 0 may fail  1 of 1 vote, 1 needed, 0 may fail
  2  promote learner  h1      1 of 1 vote, 1 needed, 0 may fail  2 of 2 vote, 2 needed, 0 may fail
  3  add learner      h2      2 of 2 vote, 2 needed, 0 may fail  2 of 2 vote, 2 needed, 0 may fail
  4  promote learner  h2      2 of 2 vote, 2 needed, 0 may fail  3 of 3 vote, 2 needed, 1 may fail
`);
  });

  it("is Markdown for a pull request", () => {
    const markdown = formatChange(planChange(three, replaced, ["h2"]), "markdown");
    expect(markdown).toMatch(/^## Change of the control plane\n\n\| {2}\| before \| after \|\n/);
    expect(markdown).toContain(
      "| 1 | remove dead member | h2 | 2 of 3 vote, 2 needed, 0 may fail | 2 of 2 vote, 2 needed, 0 may fail |",
    );
  });

  it("that changes nothing says so", () => {
    expect(formatChange(planChange(three, three, []), "text")).toContain(
      "Nothing of the layout changes.\nNo etcd member changes.",
    );
  });

  it("counts members on one host apart", () => {
    const several = planControlPlane(
      settings({
        goal: "control-plane-redundancy",
        hosts: { h0: { address: "192.0.2.1", role: "control-plane" } },
        endpoint,
      }),
    );
    expect(planChange(one, several, []).members.map(({ action, member }) => `${action} ${member}`)).toEqual([
      "add learner h0.2",
      "promote learner h0.2",
      "add learner h0.3",
      "promote learner h0.3",
    ]);
    expect(planChange(several, three, ["h0"]).problems.map(formatProblem)).toEqual([
      expect.stringContaining("has lost h0, h0.2 and h0.3: 0 of 3 members live"),
    ]);
  });

  it("refuses a dead host that was none", () => {
    expect(planChange(three, replaced, ["h7"]).problems.map(formatProblem)).toEqual([
      '--dead names "h7", but it must be a host of the plan that is left behind; did you mean h0?',
    ]);
  });
});
