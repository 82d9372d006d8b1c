import { secret } from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { ControlPlane, type ControlPlaneArgs } from "../../components/control-plane/control-plane.ts";
import type { HostSettings } from "../../components/plan/control-plane/hosts.ts";
import { record, type Recording } from "../recorder.ts";
import { members, settings } from "../plan/control-plane/settings.ts";

const ssh = { user: "root", port: 2222, privateKey: secret("PRIVATE KEY") };
const worker: HostSettings = { address: "192.0.2.99", role: "worker" };
const three = members(3, { hosts: { ...members(3).hosts, w: worker } });

const make = (args: ControlPlaneArgs, preview = false) =>
  record(
    () => {
      const { access, summary } = new ControlPlane("cp", args);
      return { access, summary };
    },
    { preview },
  );
const kubeadm = (preview = false, input = three) => make({ mode: "kubeadm", ssh, ...input }, preview);
const steps = (recording: Recording) => recording.ofType("command:remote:Command");
const hostOf = (step: ReturnType<typeof steps>[0]) => (step.inputs["connection"] as { host: string }).host;

describe("an existing control plane", () => {
  it("is reached by its context, and nothing is done to it", async () => {
    const recording = await make({ mode: "existing", context: "kind-kind", kubeconfig: "/home/me/.kube/config" });
    expect(steps(recording)).toEqual([]);
    expect(recording.outputs).toEqual({
      access: { context: "kind-kind", clusterIdentifier: "kind-kind", kubeconfig: "/home/me/.kube/config" },
      summary: { mode: "existing", context: "kind-kind" },
    });
  });
});

describe("a control plane of kubeadm", () => {
  it.each([true, false])("takes the plan's steps, each on its host (preview %s)", async (preview) => {
    expect(steps(await kubeadm(preview)).map((step) => `${step.name} on ${hostOf(step)}`)).toEqual([
      "cp-h0-prepare on 192.0.2.1",
      "cp-h0-network on 192.0.2.1",
      "cp-h0-init on 192.0.2.1",
      "cp-kubeconfig on 192.0.2.1",
      "cp-h0-node on 192.0.2.1",
      "cp-h1-prepare on 192.0.2.2",
      "cp-h1-network on 192.0.2.2",
      "cp-h1-ticket on 192.0.2.1",
      "cp-h1-join on 192.0.2.2",
      "cp-h1-node on 192.0.2.1",
      "cp-h2-prepare on 192.0.2.3",
      "cp-h2-network on 192.0.2.3",
      "cp-h2-ticket on 192.0.2.1",
      "cp-h2-join on 192.0.2.3",
      "cp-h2-node on 192.0.2.1",
      "cp-w-prepare on 192.0.2.99",
      "cp-w-network on 192.0.2.99",
      "cp-w-ticket on 192.0.2.1",
      "cp-w-join on 192.0.2.99",
      "cp-w-node on 192.0.2.1",
      "cp-h0-encrypt on 192.0.2.1",
      "cp-h1-encrypt on 192.0.2.2",
      "cp-h2-encrypt on 192.0.2.3",
      "cp-h0-settle on 192.0.2.1",
      "cp-h1-settle on 192.0.2.2",
      "cp-h2-settle on 192.0.2.3",
    ]);
  });

  it("takes them one after the other", async () => {
    const taken = steps(await kubeadm());
    for (const [index, step] of taken.entries()) {
      if (index > 0) expect(step.dependencies).toContain(taken[index - 1]?.urn);
      expect(step.parent).toMatch(/quorum:control-plane:ControlPlane::cp$/);
    }
  });

  it("changes in place and takes nothing away: no trigger, no command for the end", async () => {
    for (const { inputs, name } of steps(await kubeadm())) {
      expect(Object.keys(inputs).filter((key) => key === "triggers" || key === "delete")).toEqual([]);
      if (name !== "cp-h0-init") expect(inputs["update"]).toBe(inputs["create"]);
    }
  });

  it("hands each ticket from the first host to the one that joins", async () => {
    const recording = await kubeadm();
    expect(recording.get("cp-h1-ticket").inputs["stdin"]).toBe("output of cp-h1-prepare");
    expect(recording.get("cp-h1-join").inputs["stdin"]).toBe("output of cp-h1-ticket");
  });

  it("keeps keys, tickets and the kubeconfig secret", async () => {
    const recording = await kubeadm();
    for (const step of steps(recording)) {
      expect(step.inputs["connection"]).toMatchObject({ user: "root", port: 2222, privateKey: "PRIVATE KEY" });
      expect(step.secretPaths).toContainEqual(["connection"]);
      expect(step.additionalSecretOutputs).toEqual(["stdout", "stderr", "connection"]);
    }
    expect(recording.get("cp-h1-join").secretPaths).toContainEqual(["stdin"]);
    expect(recording.outputs["access"]).toMatchObject({
      kubeconfig: "output of cp-kubeconfig",
      clusterIdentifier: "test",
    });
    expect(recording.secretOutputs).toEqual(["access"]);
  });

  it("reads the kubeconfig by a step that no setting changes", async () => {
    const [before, after] = await Promise.all([kubeadm(false, three)]).then(async ([one]) => [
      one,
      await kubeadm(false, { ...three, kubelet: { maxPods: 50 }, certSans: ["other.example.com"] }),
    ]);
    const script = (recording: Recording | undefined, name: string) => recording?.get(name).inputs["create"];
    expect(script(after, "cp-kubeconfig")).toBe(script(before, "cp-kubeconfig"));
    expect(script(after, "cp-h0-init")).not.toBe(script(before, "cp-h0-init"));
    expect(script(after, "cp-h1-join")).not.toBe(script(before, "cp-h1-join"));
  });

  it("gains a host without a change of the others' begin, join or ticket", async () => {
    const grown = { ...three, hosts: { ...three.hosts, "a-new": { address: "192.0.2.50", role: "worker" as const } } };
    const [before, after] = [await kubeadm(), await kubeadm(false, grown)];
    for (const step of steps(before).filter((one) => !one.name.endsWith("-network"))) {
      expect(after.get(step.name).inputs).toEqual(step.inputs);
    }
  });

  describe("with a balancer on its hosts", () => {
    const balancer = { kind: "haproxy", address: "192.0.2.200", port: 8443 } as const;
    const images = { haproxy: "haproxy:1", keepalived: "keepalived:1" };
    const behind = (hosts: typeof three.hosts) => ({ ...three, hosts, endpoint: undefined, balancer, images });
    const balanced = (hosts = three.hosts) => make({ mode: "kubeadm", ssh, ...behind(hosts) });

    it("gives it to each control-plane host right before its API server, and to no worker", async () => {
      const names = steps(await balanced()).map((step) => step.name);
      for (const host of ["h0", "h1", "h2"]) {
        const next = names[names.indexOf(`cp-${host}-balancer`) + 1];
        expect(next).toBe(host === "h0" ? "cp-h0-init" : `cp-${host}-ticket`);
      }
      expect(names).not.toContain("cp-w-balancer");
      expect(steps(await kubeadm()).map((step) => step.name)).not.toContain("cp-h0-balancer");
    });

    it("tells every balancer of hosts that come, before they do", async () => {
      const further = {
        i3: { address: "192.0.2.51", role: "control-plane" },
        i4: { address: "192.0.2.52", role: "control-plane" },
      } as const;
      const [before, after] = [await balanced(), await balanced({ ...three.hosts, ...further })];
      for (const host of ["h0", "h1", "h2"]) {
        const script = (recording: Recording) => String(recording.get(`cp-${host}-balancer`).inputs["create"]);
        expect(script(before)).not.toContain("192.0.2.51:6443");
        expect(script(after)).toContain("192.0.2.51:6443");
      }
      const names = steps(after).map((step) => step.name);
      expect(names.indexOf("cp-h2-balancer")).toBeLessThan(names.indexOf("cp-i3-join"));
    });

    it("is refused without the images that it runs", async () => {
      const input = { ...behind(three.hosts), images: { haproxy: "haproxy:1" } };
      await expect(make({ mode: "kubeadm", ssh, ...input })).rejects.toThrow(/image keepalived/);
    });
  });

  it("says what it is", async () => {
    expect((await kubeadm()).outputs["summary"]).toEqual({
      mode: "kubeadm",
      endpoint: "k8s.example.com:6443",
      members: ["h0", "h1", "h2"],
      quorum: 2,
      tolerance: 1,
      warnings: [
        "network.plugin routed needs all hosts on one layer-2 network; on others use none and a plugin of the site",
      ],
    });
  });

  it("leaves pods' network to another plugin", async () => {
    const network = { podSubnet: "10.244.0.0/16", serviceSubnet: "10.96.0.0/16", plugin: "none" as const };
    const names = steps(await kubeadm(false, settings({ network }))).map((step) => step.name);
    expect(names).toEqual(["cp-a-prepare", "cp-a-init", "cp-kubeconfig", "cp-a-node", "cp-a-encrypt"]);
  });

  it("is refused before a step is taken", async () => {
    await expect(kubeadm(false, members(4))).rejects.toThrow(/^the control plane has 1 problem:/);
  });

  it("is refused where two API servers of a host have nothing in front of them, at preview too", async () => {
    const input = settings({ goal: "control-plane-redundancy" });
    await expect(kubeadm(true, input)).rejects.toThrow(
      "quorum:controlPlane.balancer is not given, but goal control-plane-redundancy has 2 API servers on a, at ports 6443 and 6453",
    );
  });

  it("puts the second of two hosts under the first, as a worker", async () => {
    const recording = await kubeadm(false, members(2, { endpoint: undefined }));
    expect(steps(recording).map(({ name }) => name)).toContain("cp-h1-join");
    const join = recording.get("cp-h1-join").inputs["create"] as string;
    expect(join).not.toContain("localAPIEndpoint");
  });
});
