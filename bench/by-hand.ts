import { stringify } from "yaml";
import { planControlPlane } from "../components/plan/control-plane/control-plane.ts";
import { networkScript, type StepContext } from "../components/plan/control-plane/host-steps.ts";
import { loadStack } from "../engine/load-stack.ts";
import { registryPort } from "../local/registry.ts";
import type { OwnHosts } from "../test/cluster/own-hosts.ts";

/**
 * The peer: `kubeadm init` and `kubeadm join` as its own pages describe them, on the same bare hosts, with nothing that those
 * pages do not ask for: no balancer, no hardening, no encryption, no checks. The endpoint is the first host.
 */
export async function beginByHand(own: OwnHosts): Promise<void> {
  const [first, ...others] = own.hosts;
  if (first === undefined) throw new Error(`${own.name} has no host`);
  const { controlPlane } = loadStack(own.name, { configFile: own.stackFile() });
  if (controlPlane.mode === "existing") throw new Error(`${own.name} has an existing control plane`);
  const context: StepContext = { settings: controlPlane, plan: planControlPlane(controlPlane) };
  for (const host of context.plan.hosts) await own.ssh(host.name, networkScript(context, host));
  const { podSubnet, serviceSubnet } = controlPlane.network;
  const mirror = `localhost:${registryPort}`;
  const patches = (name: string) =>
    `mkdir -p /etc/kubernetes/patches && echo 'cgroupRoot: /quorum/${name}' > /etc/kubernetes/patches/kubeletconfiguration0+merge.yaml`;
  const node = (name: string, address: string) => ({
    nodeRegistration: {
      name,
      criSocket: "unix:///run/containerd/containerd.sock",
      kubeletExtraArgs: [{ name: "node-ip", value: address }],
      ignorePreflightErrors: ["SystemVerification"],
    },
    patches: { directory: "/etc/kubernetes/patches" },
  });
  const kubeadm = "kubeadm.k8s.io/v1beta4";
  const written = (documents: readonly object[]) =>
    `cat > /etc/kubernetes/kubeadm.yaml <<'END'\n${documents.map((document) => stringify(document)).join("---\n")}END`;
  const localAPIEndpoint = (address: string) => ({ advertiseAddress: address, bindPort: 6443 });
  const certificateKey = (await own.ssh(first.name, "kubeadm certs certificate-key")).trim();
  const initial = [
    {
      apiVersion: kubeadm,
      kind: "InitConfiguration",
      localAPIEndpoint: localAPIEndpoint(first.address),
      certificateKey,
      ...node(first.name, first.address),
    },
    {
      apiVersion: kubeadm,
      kind: "ClusterConfiguration",
      kubernetesVersion: `v${controlPlane.kubernetesVersion}`,
      controlPlaneEndpoint: `${first.address}:6443`,
      networking: { podSubnet, serviceSubnet },
      imageRepository: mirror,
      dns: { imageRepository: `${mirror}/coredns` },
    },
    {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      failCgroupV1: false,
      cgroupDriver: "cgroupfs",
      failSwapOn: false,
    },
    { apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration", conntrack: { maxPerCore: 0 } },
  ];
  const init = `kubeadm init --config /etc/kubernetes/kubeadm.yaml --upload-certs`;
  await own.ssh(first.name, `set -e\n${patches(first.name)}\n${written(initial)}\n${init}`);
  const token = (await own.ssh(first.name, "kubeadm token create")).trim();
  for (const { name, address } of others) {
    const join = {
      apiVersion: kubeadm,
      kind: "JoinConfiguration",
      discovery: {
        bootstrapToken: { token, apiServerEndpoint: `${first.address}:6443`, unsafeSkipCAVerification: true },
      },
      controlPlane: { localAPIEndpoint: localAPIEndpoint(address), certificateKey },
      ...node(name, address),
    };
    await own.ssh(
      name,
      `set -e\n${patches(name)}\n${written([join])}\nkubeadm join --config /etc/kubernetes/kubeadm.yaml`,
    );
  }
  await own.ssh(
    first.name,
    "kubectl --kubeconfig /etc/kubernetes/admin.conf wait --for=condition=Ready node --all --timeout=300s",
  );
}
