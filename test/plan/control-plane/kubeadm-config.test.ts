import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { apiServerVolumes } from "../../../components/plan/control-plane/api-server-files.ts";
import {
  apiServerFlags,
  controllerManagerFlags,
  etcdFlags,
  schedulerFlags,
} from "../../../components/plan/control-plane/hardening.ts";
import type { KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import {
  discoveryFile,
  initDocuments,
  joinDocument,
  toYaml,
} from "../../../components/plan/control-plane/kubeadm-config.ts";
import { kubeletDocument } from "../../../components/plan/control-plane/kubelet-config.ts";
import { binaryPath } from "../../../local/toolchain.ts";
import { members, settings } from "./settings.ts";

const documentsOf = (input: KubeadmSettings, mirror?: string) => initDocuments(input, planControlPlane(input), mirror);
const ofKind = (input: KubeadmSettings, kind: string, mirror?: string) =>
  documentsOf(input, mirror).find((document) => document["kind"] === kind)!;

describe("kubeadm init's configuration", () => {
  it("has every kind that one host needs", () => {
    expect(documentsOf(settings({ certSans: ["k8s.example.com"] }))).toEqual([
      {
        apiVersion: "kubeadm.k8s.io/v1beta4",
        kind: "InitConfiguration",
        bootstrapTokens: [{ ttl: "1m0s" }],
        localAPIEndpoint: { advertiseAddress: "192.0.2.11", bindPort: 6443 },
        nodeRegistration: {
          name: "a",
          criSocket: "unix:///run/containerd/containerd.sock",
          taints: [],
          kubeletExtraArgs: [{ name: "node-ip", value: "192.0.2.11" }],
          ignorePreflightErrors: [],
        },
        patches: { directory: "/etc/kubernetes/quorum/patches" },
      },
      {
        apiVersion: "kubeadm.k8s.io/v1beta4",
        kind: "ClusterConfiguration",
        clusterName: "test",
        kubernetesVersion: "v1.37.2",
        controlPlaneEndpoint: "192.0.2.11:6443",
        networking: { podSubnet: "10.244.0.0/16", serviceSubnet: "10.96.0.0/16" },
        certificateValidityPeriod: "8760h0m0s",
        caCertificateValidityPeriod: "87600h0m0s",
        apiServer: {
          certSANs: ["127.0.0.1", "localhost", "k8s.example.com"],
          extraArgs: apiServerFlags(settings()),
          extraVolumes: apiServerVolumes(settings()),
        },
        controllerManager: { extraArgs: controllerManagerFlags(settings()) },
        scheduler: { extraArgs: schedulerFlags(settings()) },
        etcd: { local: { extraArgs: etcdFlags(settings()) } },
      },
      kubeletDocument(settings()),
      { apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration" },
    ]);
  });

  it("gives etcd the flags that differ from its defaults: quota in bytes, elections after ten heartbeats", () => {
    const flags = (quotaMiB: number, roundTripMillis: number) =>
      etcdFlags(settings({ etcd: { events: "shared", quotaMiB, roundTripMillis } })).slice(2);
    expect(flags(2048, 100)).toEqual([]);
    expect(flags(8192, 150)).toEqual([
      { name: "quota-backend-bytes", value: "8589934592" },
      { name: "heartbeat-interval", value: "150" },
      { name: "election-timeout", value: "1500" },
    ]);
  });

  describe("for metrics", () => {
    const input = settings({ metrics: true });

    it("has the controller-manager and the scheduler answer at every address, and kube-proxy's metrics too", () => {
      const address = { name: "bind-address", value: "0.0.0.0" };
      expect(controllerManagerFlags(input)).toContainEqual(address);
      expect(schedulerFlags(input)).toContainEqual(address);
      expect(ofKind(input, "KubeProxyConfiguration")["metricsBindAddress"]).toBe("0.0.0.0:10249");
    });

    it("has etcd's answer at its host's own address, and first at the one that kubeadm's probes take", () => {
      expect(ofKind(input, "ClusterConfiguration")["etcd"]).toEqual({
        local: {
          extraArgs: [
            ...etcdFlags(input),
            { name: "listen-metrics-urls", value: "http://127.0.0.1:2381,http://$(HOST_IP):2381" },
          ],
          extraEnvs: [{ name: "HOST_IP", valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } }],
        },
      });
    });

    it("leaves kube-proxy's address to the user, where it is given", () => {
      const own = settings({ metrics: true, kubeProxy: { metricsBindAddress: "127.0.0.1:10249" } });
      expect(ofKind(own, "KubeProxyConfiguration")["metricsBindAddress"]).toBe("127.0.0.1:10249");
    });

    it("has all of them on loopback, as kubeadm does, where nobody wants them", () => {
      const text = toYaml(documentsOf(settings({ metrics: false })));
      expect(text).not.toMatch(/bind-address|metrics/i);
    });
  });

  it("takes every image from the mirror, CoreDNS from the folder that it has upstream", () => {
    expect(ofKind(settings(), "ClusterConfiguration", "localhost:5000")).toMatchObject({
      imageRepository: "localhost:5000",
      dns: { imageRepository: "localhost:5000/coredns" },
    });
  });

  it("leaves node ranges to another network plugin", () => {
    const network = { podSubnet: "10.244.0.0/16", serviceSubnet: "10.96.0.0/16", plugin: "none" as const };
    expect(controllerManagerFlags(settings({ network })).map(({ name }) => name)).not.toContain("allocate-node-cidrs");
  });

  it("takes the user's kubelet and kube-proxy settings, but no other kind", () => {
    const input = settings({ kubelet: { maxPods: 50, kind: "Other" }, kubeProxy: { mode: "nftables", kind: "Other" } });
    expect(ofKind(input, "KubeletConfiguration")).toMatchObject({ maxPods: 50, serverTLSBootstrap: true });
    expect(ofKind(input, "KubeProxyConfiguration")).toMatchObject({ mode: "nftables" });
  });

  it("does not change when a host joins, so that nothing runs again on the others", () => {
    const three = members(3);
    const more = members(3, { hosts: { ...three.hosts, w: { address: "192.0.2.99", role: "worker" } } });
    const fixed = (input: KubeadmSettings) =>
      toYaml(documentsOf({ ...input, hosts: { ...input.hosts, h0: { ...input.hosts["h0"]!, schedulable: true } } }));
    expect(fixed(more)).toBe(fixed(three));
  });
});

describe("kubeadm join's configuration", () => {
  const plan = planControlPlane(
    members(3, { hosts: { ...members(3).hosts, w: { address: "192.0.2.99", role: "worker" } } }),
  );

  it("makes a member of a control-plane host", () => {
    expect(joinDocument(settings(), plan.hosts[1]!)).toMatchObject({
      controlPlane: { localAPIEndpoint: { advertiseAddress: "192.0.2.2", bindPort: 6443 } },
      nodeRegistration: {
        name: "h1",
        taints: [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }],
      },
    });
  });

  it("makes no member of a worker", () => {
    const document = joinDocument(settings(), plan.hosts[3]!);
    expect(document).not.toHaveProperty("controlPlane");
    expect(document).toMatchObject({
      discovery: { file: { kubeConfigPath: discoveryFile } },
      nodeRegistration: { taints: [] },
    });
  });
});

it("is YAML that says what was put in", () => {
  const documents = documentsOf(settings({ kubelet: { note: "a: b\n---\n'c'" } }));
  expect(parseAllDocuments(toYaml(documents)).map((document) => document.toJS() as unknown)).toEqual(documents);
});

// Left out until the local run has built this part: building it takes minutes, and unit tests take seconds.
const kubeadm = binaryPath("kubernetes", "kubeadm");

describe.skipIf(!existsSync(kubeadm))("kubeadm itself", () => {
  const validate = (text: string) => {
    const folder = mkdtempSync(join(tmpdir(), "kubeadm-"));
    try {
      // Discovery by file is accepted only where the file is there.
      writeFileSync(join(folder, "discovery.conf"), "");
      writeFileSync(join(folder, "config.yaml"), text.replace(discoveryFile, join(folder, "discovery.conf")));
      execFileSync(kubeadm, ["config", "validate", "--config", join(folder, "config.yaml")], { stdio: "pipe" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it.each<[string, KubeadmSettings, string?]>([
    ["one host", settings()],
    ["one host behind a mirror", settings(), "localhost:5000"],
    ["three hosts", members(3)],
    ["three hosts with metrics", members(3, { metrics: true })],
    [
      "three hosts and a worker",
      members(3, { hosts: { ...members(3).hosts, w: { address: "192.0.2.99", role: "worker" } } }),
    ],
    [
      "kubelet and kube-proxy settings",
      settings({ kubelet: { maxPods: 50 }, kubeProxy: { conntrack: { maxPerCore: 0 } } }),
    ],
  ])("accepts the configuration of %s", (_, input, mirror) => {
    const plan = planControlPlane(input);
    validate(toYaml(initDocuments(input, plan, mirror)));
    for (const host of plan.hosts.slice(1)) validate(toYaml([joinDocument(input, host)]));
  });

  it("refuses a field that it does not know", () => {
    expect(() => validate(toYaml([{ ...documentsOf(settings())[0], nonsense: 1 }]))).toThrow(/nonsense/);
  });
});
