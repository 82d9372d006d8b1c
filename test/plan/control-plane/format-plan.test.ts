import { describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { formatPlan } from "../../../components/plan/control-plane/format-plan.ts";
import { members, settings } from "./settings.ts";

describe("a plan for people", () => {
  it("is a page of text", () => {
    const page = formatPlan(planControlPlane(settings({ local: true })), "text");
    expect(page.slice(0, page.indexOf("\nWHAT THE MACHINES NEED"))).toBe(`CONTROL PLANE OF TEST
Kubernetes 1.37.2, API at 192.0.2.11:6443. 1 etcd member, quorum 1, tolerates the loss of 0.

HOSTS
  host  address     role           zone  pods  pod addresses
  a     192.0.2.11  control-plane  -     yes   10.244.11.0/24

WHAT RUNS WHERE
  host  etcd  API server  scheduler  controller manager  pods
  a     1     1           1          1                   yes

WHAT EACH LOSS COSTS
  lost  reads  writes  scheduling  data
  a     stop   stop    stops       gone, but for backups

STEPS
     host  step     what it does
  1  a     prepare  checks the machine, writes kubeadm's files
  2  a     network  pods get 10.244.11.0/24, routes to the others
  3  a     init     begins the cluster: 1 member, tolerates the loss of 0
  4  a     node     labels, taints, kubelet certificate, waits until Ready
  5  a     encrypt  writes what is there by the wanted key, forgets other keys
`);
  });

  it("is Markdown, warnings included", () => {
    const markdown = formatPlan(planControlPlane(members(3)), "markdown");
    expect(markdown).toMatch(
      /^## Control plane of test\n\nKubernetes 1\.37\.2, .* 3 etcd members, quorum 2, tolerates the loss of 1\.\n/,
    );
    expect(markdown).toContain(
      "| host | address | role | zone | pods | pod addresses |\n| --- | --- | --- | --- | --- | --- |\n| h0 |",
    );
    expect(markdown).toMatch(/## Warnings\n\n- network\.plugin routed needs/);
    for (const line of markdown.split("\n").filter((one) => one.startsWith("|"))) expect(line).toMatch(/ \|$/);
  });
});
