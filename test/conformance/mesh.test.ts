import { beforeAll, describe, expect, it } from "vitest";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { findProgram } from "../../local/packages.ts";
import { meshedObjects } from "../meshed-stack.ts";
import { kubeconform, kubeScore } from "./checkers.ts";
import { exemptions, matches, meshExemptions, optionalChecks } from "./exemptions.ts";
import { kubernetesVersions } from "./schemas.ts";

/** The checkers and the schemas are made from Go modules; those of Istio's kinds from the definitions in its charts. */
describe.skipIf(findProgram("go") === undefined).each(["dev", "prod"] as const)("stack %s with a mesh", (stack) => {
  let objects: KubeObject[];
  beforeAll(async () => {
    objects = await meshedObjects(stack);
  }, 600_000);

  it.each(kubernetesVersions)(
    "fits the strict schemas of Kubernetes %s, and Istio's objects those of its own kinds",
    async (version) => {
      expect(await kubeconform(objects, version)).toEqual([]);
    },
    600_000,
  );

  it.each<[string, string, object]>([
    ["a field that the kind has not got", "VirtualService", { hots: ["svca"] }],
    ["a number where a text belongs", "Sidecar", { egress: [{ hosts: [7] }] }],
    ["a mode that there is not", "PeerAuthentication", { mtls: { mode: "LAX" } }],
    [
      "two of what excludes each other",
      "VirtualService",
      { http: [{ match: [{ uri: { exact: "/a", prefix: "/b" } }] }] },
    ],
  ])("would be refused for %s", async (_, kind, spec) => {
    const odd = objects.map((object) => (object.kind === kind ? { ...object, spec } : object));
    const found = await kubeconform(odd, kubernetesVersions[2]);
    expect(found).not.toEqual([]);
    expect(found.filter((line) => !line.startsWith(`${kind} `))).toEqual([]);
  });

  it("passes kube-score with no exemption of a mesh that lacks a reason, and none that is not needed", async () => {
    const findings = await kubeScore(objects, optionalChecks);
    const exempt = (all: typeof exemptions, { check, object }: (typeof findings)[number]) =>
      all.filter((each) => each.check === check && matches(each, object));
    const ours = exemptions.filter(({ stacks }) => stacks?.includes(stack) ?? true);
    expect(findings.filter((finding) => exempt([...ours, ...meshExemptions], finding).length === 0)).toEqual([]);
    const needed = new Set(findings.flatMap((finding) => exempt(meshExemptions, finding)));
    expect(meshExemptions.filter((each) => !needed.has(each))).toEqual([]);
    for (const { reason } of meshExemptions) expect(reason.length).toBeGreaterThan(30);
    // What a reason says of LimitRanges holds.
    const ranged = objects.filter(({ kind }) => kind === "LimitRange").map(({ metadata }) => metadata.namespace);
    expect(ranged).toEqual(expect.arrayContaining(["istio-system", "istio-cni", "ingress"]));
  }, 600_000);
});
