import { describe, expect, test } from "vitest";
import { planChanges } from "../../engine/direct/changes.ts";
import { inventoryIdentity, inventoryObject } from "../../engine/direct/inventory.ts";
import { KubectlError } from "../../engine/direct/kubectl.ts";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { claimsReplicas, leavesReplicas, releaseReplicas } from "../../engine/direct/scale.ts";
import { planWaves } from "../../engine/direct/waves.ts";
import { FakeCluster } from "./fake-kubectl.ts";
import { desired, object } from "./objects.ts";

const ours = { manager: "quorum", operation: "Apply" };
const theirs = { manager: "kube-controller-manager", operation: "Update", subresource: "scale" };
const replicasField = { fieldsV1: { "f:spec": { "f:replicas": {} } } };

function web(spec: Record<string, unknown>, managedFields: object[] = [], kind = "Deployment"): KubeObject {
  return object(kind, "web", {
    apiVersion: "apps/v1",
    namespace: "apps",
    metadata: { labels: { "quorum.dev/stack": "dev" }, ...(managedFields.length === 0 ? {} : { managedFields }) },
    spec,
  });
}

describe("the number of pods is somebody else's", () => {
  test.each<[string, KubeObject, readonly string[], boolean]>([
    ["when the program does not name it", web({}), [], true],
    ["when the program ignores its changes", web({ replicas: 2 }), ["spec.replicas"], true],
    ["of a StatefulSet too", web({}, [], "StatefulSet"), [], true],
    ["but not when the program names it", web({ replicas: 2 }), [], false],
    ["nor where there is none", web({}, [], "DaemonSet"), [], false],
  ])("%s", (_title, wanted, ignoreChanges, expected) => {
    expect(leavesReplicas({ object: wanted, ignoreChanges })).toBe(expected);
  });

  test.each<[string, object[], boolean]>([
    ["ours, by apply", [{ ...ours, ...replicasField }], true],
    ["the Pulumi provider's", [{ manager: "pulumi-kubernetes-1a", operation: "Apply", ...replicasField }], true],
    [
      "the autoscaler's",
      [
        { ...ours, fieldsV1: {} },
        { ...theirs, ...replicasField },
      ],
      false,
    ],
    [
      "shared by both",
      [
        { ...ours, ...replicasField },
        { ...theirs, ...replicasField },
      ],
      true,
    ],
  ])("and was %s", (_title, managedFields, expected) => {
    expect(claimsReplicas(web({ replicas: 3 }, managedFields))).toBe(expected);
  });
});

describe("handing it over", () => {
  const wanted = desired(web({ paused: true }));
  const plan = (live: KubeObject) => {
    const cluster = new FakeCluster([
      live,
      inventoryObject("dev", {
        entries: [{ apiVersion: "apps/v1", kind: "Deployment", namespace: "apps", name: "web", wave: 0 }],
        outputs: {},
      }),
    ]);
    expect(cluster.objects.size).toBe(2);
    expect(inventoryIdentity("dev").kind).toBe("ConfigMap");
    return { cluster, planned: planChanges(cluster.kubectl, "dev", planWaves([wanted])) };
  };

  test("previews as no change of it, and applies an object without it", async () => {
    const { planned } = plan(web({ replicas: 3 }, [{ ...ours, ...replicasField }]));
    const [change] = (await planned).changes;
    expect(change?.fields.map(({ path }) => path)).not.toContain("spec.replicas");
    expect(change?.object["spec"]).toEqual({ paused: true });
  });

  test("is nothing to change once it is done, whatever the number is", async () => {
    const { planned } = plan(
      web({ paused: true, replicas: 5 }, [
        { ...ours, fieldsV1: { "f:spec": { "f:paused": {} } } },
        { ...theirs, ...replicasField },
      ]),
    );
    const [change] = (await planned).changes;
    expect(change?.object["spec"]).toEqual({ paused: true });
  });

  const live = web({ replicas: 3 }, [{ ...ours, ...replicasField }]);
  const change = { desired: wanted, action: "update" as const, fields: [], live, object: wanted.object };

  test("makes another manager claim the present number, without force", async () => {
    const cluster = new FakeCluster([live]);
    await releaseReplicas(cluster.kubectl, [change]);
    expect(cluster.writes).toEqual([
      {
        verb: "apply",
        options: { dryRun: false, manager: "quorum-scale", force: false },
        objects: [
          {
            apiVersion: "apps/v1",
            kind: "Deployment",
            metadata: { name: "web", namespace: "apps" },
            spec: { replicas: 3 },
          },
        ],
      },
    ]);
  });

  test("leaves alone what somebody has set since it was looked at", async () => {
    const cluster = new FakeCluster([live]);
    cluster.onWrite = () => {
      cluster.put(web({ replicas: 4 }, [{ ...theirs, ...replicasField }]));
      throw new KubectlError(["Apply failed with 1 conflict"]);
    };
    await releaseReplicas(cluster.kubectl, [change]);
    expect(cluster.writes).toHaveLength(1);
  });

  test("is not needed where nothing is applied, or the program names the number", async () => {
    const cluster = new FakeCluster([live]);
    const named = desired(web({ replicas: 4 }));
    await releaseReplicas(cluster.kubectl, [
      { ...change, action: "same" },
      { ...change, desired: named, object: named.object },
      { ...change, action: "create", live: undefined },
    ]);
    expect(cluster.writes).toEqual([]);
  });
});
