import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlPlaneProblems } from "../../../components/plan/control-plane/control-plane-checks.ts";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import type { HostSettings, KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import {
  discoveryFile,
  initDocuments,
  joinDocument,
  toYaml,
} from "../../../components/plan/control-plane/kubeadm-config.ts";
import { binaryPath } from "../../../local/toolchain.ts";
import { settings } from "./settings.ts";

// Left out until the local run has built this part: building it takes minutes, and unit tests take seconds.
const kubeadm = binaryPath("kubernetes", "kubeadm");

const host = (role: HostSettings["role"]) =>
  fc.record(
    {
      role: fc.constant(role),
      memoryMiB: fc.constantFrom(8192, 65_536),
      cpus: fc.constantFrom(4, 64),
      schedulable: fc.boolean(),
      zone: fc.constantFrom("a", "b"),
      kubelet: fc.constantFrom({ maxPods: 50 }, { podPidsLimit: 100, seccompDefault: false }),
    },
    { requiredKeys: ["role"] },
  );
const layout = fc
  .tuple(
    fc.constantFrom(1, 2, 3, 5),
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom(0, 0, 3),
    fc.constantFrom(0, 0, 3),
  )
  .chain(([controlPlane, workers, etcd, events]) =>
    fc.tuple(
      ...Array.from({ length: controlPlane }, () => host("control-plane")),
      ...Array.from({ length: workers }, () => host("worker")),
      ...Array.from({ length: etcd }, () => host("etcd")),
      ...Array.from({ length: events }, () => host("events")),
    ),
  )
  .map((hosts) =>
    Object.fromEntries(hosts.map((each, index) => [`h${index}`, { ...each, address: `192.0.2.${index + 1}` }])),
  );
const some = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

const anySettings: fc.Arbitrary<KubeadmSettings> = fc
  .record({
    hosts: layout,
    goal: fc.constantFrom("minimal" as const, "control-plane-redundancy" as const),
    metrics: fc.boolean(),
    etcd: fc.record({
      events: fc.constantFrom("shared" as const, "own" as const),
      quotaMiB: fc.integer({ min: 100, max: 8192 }),
      roundTripMillis: fc.integer({ min: 1, max: 5000 }),
    }),
    endpoint: fc.constant("k8s.example.com:6443"),
    network: fc.constantFrom(
      { podSubnet: "10.244.0.0/16", serviceSubnet: "10.96.0.0/16", plugin: "routed" as const },
      { podSubnet: "10.200.0.0/14", serviceSubnet: "10.100.0.0/20", plugin: "none" as const },
    ),
    kubelet: fc.constantFrom({}, { serverTLSBootstrap: false }, { evictionHard: { "memory.available": "1Gi" } }),
    kubeProxy: fc.constantFrom({}, { mode: "nftables", conntrack: { maxPerCore: 0 } }),
    certSans: fc.constantFrom([], ["k8s.example.com", "192.0.2.200"]),
    encryption: fc.record({
      provider: fc.constantFrom("secretbox" as const, "aescbc" as const, "identity" as const),
      resources: fc.constantFrom(["secrets"], ["configmaps", "secrets"]),
      keyGeneration: fc.integer({ min: 1, max: 9 }),
    }),
    audit: fc.record({
      enabled: fc.boolean(),
      maxAgeDays: fc.integer({ min: 1, max: 3650 }),
      maxBackups: fc.integer({ min: 1, max: 20 }),
      maxSizeMiB: fc.integer({ min: 1, max: 100 }),
    }),
    apiServer: fc.constantFrom({}, { maxRequestsInFlight: 900, maxMutatingRequestsInFlight: 100 }),
    flags: fc.constantFrom(settings().flags, { ...settings().flags, apiServer: { "goaway-chance": "0.001" } }),
    certificates: fc.record({
      days: fc.integer({ min: 1, max: 365 }),
      authorityDays: fc.integer({ min: 365, max: 3650 }),
    }),
    cloudProvider: some(fc.constant("openstack")),
  })
  .map((more) => settings(more))
  .filter((input) => controlPlaneProblems(input).length === 0);

describe.skipIf(!existsSync(kubeadm))("kubeadm itself", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "kubeadm-"));
    // Discovery by file is accepted only where the file is there.
    writeFileSync(join(folder, "discovery.conf"), "");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** @throws with kubeadm's own words */
  const validate = (text: string) => {
    writeFileSync(join(folder, "config.yaml"), text.replace(discoveryFile, join(folder, "discovery.conf")));
    execFileSync(kubeadm, ["config", "validate", "--config", join(folder, "config.yaml")], { stdio: "pipe" });
  };

  it("accepts what is made for any layout and any settings", () => {
    fc.assert(
      fc.property(anySettings, some(fc.constant("localhost:5000")), (input, mirror) => {
        const plan = planControlPlane(input);
        const member = plan.hosts.filter(({ role }) => role === "control-plane").at(-1) ?? plan.first;
        for (const host of new Set([plan.first, member])) validate(toYaml(initDocuments(input, plan, mirror, host)));
        for (const role of ["control-plane", "worker"] as const) {
          const joining = plan.hosts.findLast((each) => each.role === role && each !== plan.first);
          if (joining !== undefined) validate(toYaml([joinDocument(input, joining)]));
        }
      }),
      { numRuns: 12 },
    );
  });

  it("refuses what could be wrong in each document", () => {
    const documents = initDocuments(settings(), planControlPlane(settings()));
    for (const [index, document] of documents.entries()) {
      const wrong = documents.with(index, { ...document, nonsense: 1 });
      expect(() => validate(toYaml(wrong)), String(document["kind"])).toThrow(/nonsense/);
    }
  });
});
