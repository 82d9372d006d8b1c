import * as k8s from "@pulumi/kubernetes";
import { describe, expect, it } from "vitest";
import type { PlannedPolicy } from "../../components/plan/connections/network-policies.ts";
import { NetworkPolicies } from "../../components/platform/network-policies.ts";
import { record } from "../recorder.ts";

const policy = (place: PlannedPolicy["place"], name: string): PlannedPolicy => ({
  place,
  name,
  why: ["quorum:services.shop.calls", "quorum:services.shop.scrape"],
  spec: { podSelector: { matchLabels: { app: name } }, policyTypes: ["Ingress", "Egress"], ingress: [], egress: [] },
});

const make = (policies: readonly PlannedPolicy[], preview = false) =>
  record(
    () => {
      const nameOf = (name: string) => new k8s.core.v1.Namespace(name, { metadata: { name } }).metadata.name;
      const namespaces = { apps: nameOf("shop"), monitoring: nameOf("watch") };
      const made = new NetworkPolicies("policies", { policies, namespaces });
      new k8s.core.v1.Pod("pod", { metadata: { name: "pod", namespace: made.nameOf("apps") } });
    },
    { preview },
  );
const policies = [policy("apps", "default-deny"), policy("apps", "service-shop"), policy("monitoring", "default-deny")];

describe("NetworkPolicies", () => {
  it.each([true, false])("makes each in its namespace, with the keys that ask for it (preview %s)", async (preview) => {
    const recording = await make(policies, preview);
    const names = recording.ofType(":NetworkPolicy").map(({ name }) => name);
    expect(names.sort()).toEqual([
      "policies-apps-default-deny",
      "policies-apps-service-shop",
      "policies-monitoring-default-deny",
    ]);
    const { inputs, parent } = recording.get("policies-apps-service-shop");
    expect(inputs["metadata"]).toEqual({
      name: "service-shop",
      namespace: "shop",
      annotations: { "quorum.dev/why": "quorum:services.shop.calls, quorum:services.shop.scrape" },
    });
    expect(inputs["spec"]).toEqual(policies[1]?.spec);
    expect(parent).toBe(recording.get("policies").urn);
  });

  it.each([true, false])("are there before any pod of their namespace (preview %s)", async (preview) => {
    const recording = await make(policies, preview);
    const pod = recording.get("pod");
    expect(pod.inputs["metadata"]).toEqual({ name: "pod", namespace: "shop" });
    // By the last of them, which waits for all others.
    const last = recording.get("policies-apps-default-deny");
    expect(pod.dependencies).toEqual([last.urn]);
    expect(last.dependencies).toContain(recording.get("policies-apps-service-shop").urn);
  });

  it("says which namespace or which policies are missing", async () => {
    await expect(make([policy("registry", "default-deny")])).rejects.toThrow(
      'there is no namespace for "registry", which the policy default-deny is for; add it to namespaces',
    );
    await expect(make([policy("monitoring", "default-deny")])).rejects.toThrow(
      'there is no policy for "apps"; plan some for it',
    );
  });
});
