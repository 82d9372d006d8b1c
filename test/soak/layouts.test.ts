import { describe, expect, it } from "vitest";
import { planControlPlane } from "../../components/plan/control-plane/control-plane.ts";
import { effectOf } from "../../components/plan/control-plane/losses.ts";
import { loadStack } from "../../engine/load-stack.ts";
import { type OwnHosts, withOwnHosts } from "../cluster/own-hosts.ts";
import { eventually } from "../cluster/quorum.ts";
import { lonePrometheus } from "../cluster/small-sections.ts";

/** Layouts that kubeadm alone does not make, on real hosts: each does what its plan says when something of it is lost. */

const minutes = 60_000;
const images = ["haproxy", "keepalived"];
const identity = ["--cacert ca.crt", "--cert server.crt", "--key server.key"];

/** etcdctl on a host against a client port of its own. */
const etcdctl = (own: OwnHosts, host: string, port: number, args: string) =>
  own.ssh(
    host,
    `cd /etc/kubernetes/pki/etcd && etcdctl --endpoints https://127.0.0.1:${port} ${identity.join(" ")} ${args}`,
  );

/** Ends the process that listens at a port of a host, and no other: hosts see each other's processes, but not their ports. */
const killAt = (own: OwnHosts, host: string, port: number) =>
  own.ssh(host, `kill -9 $(ss -ltnpH "sport = :${port}" | grep -o 'pid=[0-9]*' | head -n 1 | cut -d= -f2)`);

function planOf(own: OwnHosts) {
  const { controlPlane } = loadStack(own.name, { configFile: own.stackFile() });
  if (controlPlane.mode === "existing") throw new Error("the stack has no control plane of its own");
  return planControlPlane(controlPlane);
}

/** What the plan says of a loss of these hosts. */
const planned = (own: OwnHosts, ...lost: string[]) => effectOf(planOf(own).placements, new Set(lost));

const voters = (list: string) =>
  list
    .trim()
    .split("\n")
    .filter((line) => / started, .* false$/.test(line)).length;

/** Whether a write gets through within some seconds. */
async function writes(own: OwnHosts, seconds: number): Promise<boolean> {
  for (const until = Date.now() + seconds * 1000; Date.now() < until;) {
    const name = `probe-${Date.now()}`;
    const { code } = await own.tryKubectl(["create", "configmap", name, "--request-timeout=3s"]);
    if (code === 0) return true;
  }
  return false;
}

/** Waits until the API server of a host is ready again; one that is not when etcd goes does not start without it. */
const apiServerBack = (own: OwnHosts, host: string) =>
  own.ssh(
    host,
    `for i in $(seq 300); do [ "$(curl -ks https://$(hostname):6443/readyz)" = ok ] && exit 0; sleep 1; done; exit 1`,
  );

/** A Prometheus of the stack, and nothing else that watches. */
const watched = {
  storage: { provisioner: "local-path", retain: false },
  monitoring: lonePrometheus,
};

/** Waits until the stack's Prometheus has scraped every etcd member and every part of the control plane, each by its own port. */
async function scraped(own: OwnHosts): Promise<void> {
  const { etcd, apiServers } = planOf(own);
  const wanted = [
    ...etcd.map(({ cluster, address, ports }) => [cluster === "main" ? "etcd" : "etcd-events", address, ports.metrics]),
    ...apiServers.flatMap(({ address, ports }) => [
      ["apiserver", address, ports.api],
      ["kube-controller-manager", address, ports.controllerManager],
      ["kube-scheduler", address, ports.scheduler],
    ]),
  ].map(([job, address, port]) => `${job} ${address}:${port}`);
  let seen = "";
  await eventually(`up of ${wanted.join(", ")}`, 120, async () => {
    const query = ["promtool", "query", "instant", "http://127.0.0.1:9090", "up == 1"];
    seen = await own.kubectl(["exec", "--namespace", "monitoring", "statefulset/prometheus", "--", ...query]);
    const up = seen
      .split("\n")
      .map((line) => `${/job="([^"]+)"/.exec(line)?.[1]} ${/instance="([^"]+)"/.exec(line)?.[1]}`);
    const missing = wanted.filter((target) => !up.includes(target));
    if (missing.length > 0) throw new Error(`not up: ${missing.join(", ")}\n${seen}`);
    return true;
  });
  console.log(`scraped, up == 1: ${wanted.join(", ")}`);
}

/** What an API server holds in memory. */
async function readsFromMemory(own: OwnHosts, seconds: number): Promise<boolean> {
  for (const until = Date.now() + seconds * 1000; Date.now() < until;) {
    const path = "/api/v1/namespaces/kube-system/configmaps?resourceVersion=0";
    const { code, stdout } = await own.tryKubectl(["get", "--raw", path, "--request-timeout=3s"]);
    if (code === 0 && stdout.includes("kubeadm-config")) return true;
  }
  return false;
}

describe("etcd on hosts of its own", () => {
  it(
    "is begun, changed, replaced and lost as the plan says, under a control plane of one host",
    async () => {
      const etcd = { role: "etcd" };
      const options = {
        name: "d-ext",
        hosts: { "d-41": "10.210.0.41", "d-43": "10.210.0.43", "d-44": "10.210.0.44", "d-45": "10.210.0.45" },
        each: { "d-43": etcd, "d-44": etcd, "d-45": etcd },
        controlPlane: { endpoint: "10.210.0.41:6443" },
      };
      await withOwnHosts(options, async (own) => {
        await own.up();
        expect(voters(await etcdctl(own, "d-43", 2379, "member list"))).toBe(3);
        // None of them is a node, and none knows the cluster's own authority.
        expect((await own.kubectl(["get", "nodes", "-o", "name"])).trim()).toBe("node/d-41");
        expect((await own.ssh("d-43", "ls /etc/kubernetes/pki")).trim()).toBe("etcd");
        const writer = await own.write();
        await writer.progress(50, 60);
        // A changed flag goes round, one member at a time.
        own.change({ controlPlane: { endpoint: "10.210.0.41:6443", etcd: { quotaMiB: 1024 } } });
        const changed = writer.now();
        await own.up();
        console.log(`quota changed; longest gap ${Math.round(writer.longestGap(changed).millis)} ms`);
        for (const host of ["d-43", "d-44", "d-45"])
          expect(
            await own.ssh(host, "grep -c quota-backend-bytes=1073741824 /etc/kubernetes/manifests/etcd.yaml"),
          ).toBe("1\n");
        own.change({ sections: watched });
        await own.up();
        await scraped(own);
        expect(planned(own, "d-44")).toMatchObject({ reads: "all", writes: true, data: "safe" });
        const killed = writer.now();
        await own.kill("d-44");
        await writer.progress(50, 60);
        console.log(`a host of etcd lost; longest gap ${Math.round(writer.longestGap(killed).millis)} ms`);
        await own.remake("d-44");
        await own.operate("replace", "d-44");
        await writer.progress(50, 60);
        expect(voters(await etcdctl(own, "d-43", 2379, "member list"))).toBe(3);
        await own.operate("renew");
        await writer.progress(50, 60);
        await writer.stop();
        expect(writer.backwards).toEqual([]);
        expect(await writer.lost()).toEqual([]);
        expect(planned(own, "d-43", "d-45")).toMatchObject({ reads: "cached", writes: false, data: "partial" });
        await own.kill("d-43");
        await own.kill("d-45");
        expect(await readsFromMemory(own, 120)).toBe(true);
        expect(await writes(own, 15)).toBe(false);
        await own.start("d-43");
        expect(await writes(own, 120)).toBe(true);
        expect(await writer.lost()).toEqual([]);
      });
    },
    20 * minutes,
  );
});

describe("one host with a redundant control plane", () => {
  it(
    "goes on writing when a member, an API server or a leader's process is killed",
    async () => {
      const options = {
        name: "d-one",
        hosts: { "d-41": "10.210.0.41" },
        controlPlane: { goal: "control-plane-redundancy", balancer: { kind: "haproxy", address: "10.210.0.46" } },
        images,
      };
      await withOwnHosts(options, async (own) => {
        await own.up();
        expect(voters(await etcdctl(own, "d-41", 2379, "member list"))).toBe(3);
        const writer = await own.write();
        await writer.progress(50, 60);
        for (const port of [2379, 2389, 6443, 6453]) {
          const killed = writer.now();
          await killAt(own, "d-41", port);
          await writer.progress(100, 60);
          console.log(`killed :${port}; longest gap ${Math.round(writer.longestGap(killed).millis)} ms`);
          expect(writer.longestGap(killed).millis).toBeLessThan(15_000);
          // The next one only once this one is back.
          await own.ssh(
            "d-41",
            `for i in $(seq 120); do ss -ltnH "sport = :${port}" | grep -q . && break; sleep 1; done; sleep 10`,
          );
        }
        // Pods of the cluster find the API by HAProxy too, not by one API server alone.
        expect(await own.kubectl(["get", "endpointslice", "kubernetes", "-o", "jsonpath={.ports[0].port}"])).toBe(
          "8443",
        );
        await writer.stop();
        expect(writer.backwards).toEqual([]);
        expect(await writer.lost()).toEqual([]);
        const again = await own.up();
        expect(again.seconds).toBeLessThan(60);
        own.change({ sections: watched });
        await own.up();
        await scraped(own);
      });
    },
    15 * minutes,
  );
});

describe("two hosts with a redundant control plane", () => {
  it(
    "have every member on the reliable one; the loss of each costs what the plan says",
    async () => {
      const options = {
        name: "d-two",
        hosts: { "d-41": "10.210.0.41", "d-42": "10.210.0.42" },
        each: { "d-41": { reliability: 20 }, "d-42": { reliability: 80 } },
        controlPlane: { goal: "control-plane-redundancy", balancer: { kind: "haproxy", address: "10.210.0.46" } },
        images,
      };
      await withOwnHosts(options, async (own) => {
        await own.up();
        expect(voters(await etcdctl(own, "d-42", 2379, "member list"))).toBe(3);
        expect(planned(own, "d-41")).toMatchObject({ reads: "all", writes: true, data: "safe" });
        const writer = await own.write();
        await writer.progress(50, 60);
        const killed = writer.now();
        await own.kill("d-41");
        await writer.progress(50, 60);
        console.log(`host without etcd lost; longest gap ${Math.round(writer.longestGap(killed).millis)} ms`);
        await writer.stop();
        expect(await writer.lost()).toEqual([]);
        await own.start("d-41");
        await apiServerBack(own, "d-41");
        expect(planned(own, "d-42")).toMatchObject({ reads: "cached", writes: false, data: "gone" });
        await own.kill("d-42");
        expect(await readsFromMemory(own, 120)).toBe(true);
        expect(await writes(own, 15)).toBe(false);
        await own.start("d-42");
        expect(await writes(own, 180)).toBe(true);
        // One that has just started lets nobody in before it has read the roles.
        await apiServerBack(own, "d-42");
        expect(await writer.lost()).toEqual([]);
      });
    },
    15 * minutes,
  );
});

describe("events in an etcd of their own", () => {
  it(
    "are there and nowhere else, and without it all but events goes on",
    async () => {
      const options = {
        name: "d-events",
        hosts: { "d-48": "10.210.0.48" },
        controlPlane: { etcd: { events: "own", eventsQuotaMiB: 512 } },
        sections: watched,
      };
      await withOwnHosts(options, async (own) => {
        await own.up();
        await scraped(own);
        const keys = (port: number, prefix: string) =>
          etcdctl(own, "d-48", port, `get ${prefix} --prefix --keys-only --limit 2000`);
        await own.kubectl(["create", "secret", "generic", "kept", "--from-literal=a=b"]);
        const kinds = new Set((await keys(2479, '""')).split("\n").flatMap((key) => key.split("/")[2] ?? []));
        expect([...kinds]).toEqual(["events"]);
        expect((await keys(2379, "/registry/events/")).trim()).toBe("");
        expect(await keys(2379, "/registry/secrets/default/")).toContain("/registry/secrets/default/kept");
        expect(await keys(2379, "/registry/leases/kube-system/")).toContain("kube-scheduler");
        expect(
          await own.ssh("d-48", "curl -s http://10.210.0.48:2481/metrics | grep ^etcd_server_quota_backend_bytes"),
        ).toContain("5.36870912e+08");

        // Its pod stays away, as when its disk is gone.
        await own.ssh(
          "d-48",
          "mv /etc/kubernetes/manifests/events-etcd.yaml ~/; for i in $(seq 90); do ss -ltnH 'sport = :2479' | grep -q . || break; sleep 1; done",
        );
        const event = JSON.stringify({
          apiVersion: "v1",
          kind: "Event",
          metadata: { name: `e${Date.now()}`, namespace: "default" },
          involvedObject: { namespace: "default" },
          reason: "Test",
        });
        const [health, told] = [
          await own.tryKubectl(["get", "--raw", "/readyz?verbose"]),
          await own.tryKubectl(["create", "-f", "-", "--request-timeout=5s"], event),
        ];
        console.log(
          `without the etcd of events: ${health.stdout
            .split("\n")
            .filter((line) => /etcd|readyz/.test(line))
            .join(" | ")} ${health.stderr}; an event: ${told.stderr}`,
        );
        expect(await writes(own, 30)).toBe(true);
        expect(told.code).not.toBe(0);
        const lost = planned(own);
        expect(lost.writes).toBe(true);
        await own.ssh("d-48", "mv ~/events-etcd.yaml /etc/kubernetes/manifests/");
        await own.ssh(
          "d-48",
          "for i in $(seq 90); do ss -ltnH 'sport = :2479' | grep -q . && break; sleep 1; done; sleep 5",
        );
        expect((await own.tryKubectl(["create", "-f", "-"], event)).code).toBe(0);
      });
    },
    10 * minutes,
  );
});
