import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { kindOf, kubeconform, kubeScore } from "../conformance/checkers.ts";
import { exemptions, matches, optionalChecks } from "../conformance/exemptions.ts";
import { nameOf, podOf, readRender } from "../conformance/rendered.ts";
import { kubernetesVersions } from "../conformance/schemas.ts";
import { expectAccepted } from "../cluster/random-configs.ts";
import { editedStack, eventually, kubectl, list, setPath, succeed, tryKubectl } from "../cluster/quorum.ts";

const nothing = { DOCKER_HOST: "tcp://127.0.0.1:1", KUBECONFIG: "/nonexistent" };

/** Names that no run before had, since a namespace takes its time to go. */
const run = Date.now().toString(36).slice(-5);

/** What must be there before pods of a namespace can be judged. */
const grounds = ["Namespace", "ResourceQuota", "LimitRange", "ServiceAccount"];

describe.each(["dev", "prod"] as const)("the render of %s", (stack) => {
  // As it is, for the checkers; and in namespaces of its own, so that the server judges each object by itself and not as a
  // change of the running stack's.
  const [plain, own] = [mkdtempSync(join(tmpdir(), "render-")), mkdtempSync(join(tmpdir(), "render-own-"))];
  const namespaces = Object.fromEntries(
    ["apps", "monitoring", "agents", "ingress", "registry", "ui"].map((role) => [
      role,
      `render-${stack}-${role}-${run}`,
    ]),
  );
  const isOwn = (name: string | undefined) => name !== undefined && Object.values(namespaces).includes(name);
  let objects: readonly KubeObject[];
  let placed: readonly KubeObject[];

  beforeAll(async () => {
    // No cluster, no Docker and no credentials.
    await succeed(["render", "--stack", stack, "--out", plain], { ...nothing, HOME: plain });
    const edited = editedStack(stack, `render-${stack}`, (config) => {
      setPath(config, ["quorum:namespaces"], namespaces);
      // A StorageClass cannot be changed, and the running stack has one of the same name.
      setPath(config, ["quorum:storage", "className"], `render-${stack}-${run}`);
    });
    await succeed(["render", "--stack", stack, "--config-file", edited, "--out", own], { ...nothing, HOME: own });
    [objects, placed] = [readRender(plain), readRender(own)];
  });
  afterAll(async () => {
    for (const folder of [plain, own]) rmSync(folder, { recursive: true });
    await kubectl(["delete", "namespace", "--ignore-not-found", "--wait=false", ...Object.values(namespaces)]);
  });

  test("passes kube-score with no exemption that lacks a reason, and none that is not needed", async () => {
    const findings = await kubeScore(objects, optionalChecks);
    const mine = exemptions.filter(({ stacks }) => stacks?.includes(stack) ?? true);
    const exempt = (finding: (typeof findings)[number]) =>
      mine.filter((each) => each.check === finding.check && matches(each, finding.object));
    expect(findings.filter((finding) => exempt(finding).length === 0)).toEqual([]);
    const needed = new Set(findings.flatMap(exempt));
    expect(mine.filter((each) => !needed.has(each))).toEqual([]);
    for (const { reason } of mine) expect(reason.length).toBeGreaterThan(30);
  });

  test.each(kubernetesVersions)("fits the strict schemas of Kubernetes %s", async (version) => {
    expect(await kubeconform(objects, version)).toEqual([]);
  });

  test("is accepted by the API server, each pod as a Pod too, without a warning", async () => {
    const there = placed.filter(
      ({ kind, metadata }) =>
        grounds.includes(kind) && isOwn(kind === "Namespace" ? metadata.name : metadata.namespace),
    );
    const input = (items: readonly KubeObject[]) => JSON.stringify({ apiVersion: "v1", kind: "List", items });
    await kubectl(["apply", "--server-side", "--filename", "-"], input(there));
    for (const { metadata } of there.filter(({ kind }) => kind === "ResourceQuota"))
      await eventually(`the quota of ${metadata.namespace ?? ""} counts`, 30, async () =>
        (await list("resourcequotas", metadata.namespace ?? "")).every(({ status }) => status?.["hard"] !== undefined)
          ? true
          : undefined,
      );
    // Its definitions are not there in a cluster whose stack does not bring them.
    const served = await servedKinds();
    const checked = placed.filter((object) => served.has(kindOf(object)));
    const flags = ["--dry-run=server", "--server-side", "--force-conflicts", "--field-manager=quorum"];
    const dryRun = await tryKubectl(["apply", ...flags, "--filename", "-"], input(checked));
    expect([dryRun.stderr, dryRun.code]).toEqual(["", 0]);

    const pods = placed.flatMap((object) => podOf(object) ?? []).map((pod) => trusted(pod));
    expect(pods.length).toBeGreaterThan(3);
    const judged = await tryKubectl(["create", "--dry-run=server", "--filename", "-"], input(pods));
    expect([judged.stderr, judged.code]).toEqual(["", 0]);
    expect(judged.stdout.trim().split("\n")).toHaveLength(pods.length);
    expect(placed.filter((object) => !served.has(kindOf(object))).map(nameOf)).toEqual([]);
  });
});

/** The cluster's admission is stack dev's, which trusts one registry; what another stack trusts is in its own policies. */
function trusted(pod: KubeObject): KubeObject {
  return JSON.parse(JSON.stringify(pod).replace(/"image":"[^"/]+\//g, '"image":"localhost:5000/')) as KubeObject;
}

/** `apiVersion/kind` of everything that the API server serves. */
async function servedKinds(): Promise<Set<string>> {
  const table = await kubectl(["api-resources", "--no-headers"]);
  // NAME [SHORTNAMES] APIVERSION NAMESPACED KIND
  const rows = table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  return new Set(rows.map((columns) => `${columns.at(-3) ?? ""}/${columns.at(-1) ?? ""}`));
}

test("10 valid configurations, drawn at random, are accepted by the API server", async () => {
  await expectAccepted(10, `random-${run}`);
});
