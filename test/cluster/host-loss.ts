import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { planControlPlane } from "../../components/plan/control-plane/control-plane.ts";
import { effectOf, type LossEffect } from "../../components/plan/control-plane/losses.ts";
import { loadStack } from "../../engine/load-stack.ts";
import type { OwnHosts, OwnHostsOptions } from "./own-hosts.ts";
import type { ConstantWriter } from "./writer.ts";

/** Three hosts of which each may be lost: their API has an address that moves. */
export function behindBalancer(name: string): OwnHostsOptions {
  return {
    name,
    hosts: { [`${name}-1`]: "10.210.0.21", [`${name}-2`]: "10.210.0.22", [`${name}-3`]: "10.210.0.23" },
    controlPlane: { balancer: { kind: "haproxy", address: virtualAddress } },
    images: ["haproxy", "keepalived"],
  };
}

export const virtualAddress = "10.210.0.30";

/** Longest that writes may pause when a host is lost: an election, the move of the address, and room for a busy machine. */
export const failoverMillis = 30_000;

/** The hosts whose interface has the virtual address; of hosts that live, it should be one. */
export async function holdersOf(own: OwnHosts): Promise<string[]> {
  const found = await Promise.all(
    own.hosts.map(async ({ name }) => {
      const { stdout } = await own.trySsh(name, "ip -brief -4 address show");
      return stdout.includes(` ${virtualAddress}/`) ? [name] : [];
    }),
  );
  return found.flat();
}

/** Cuts a host's power under writes, and waits until many more are acknowledged. @returns the longest pause, in milliseconds */
export async function loseHost(own: OwnHosts, writer: ConstantWriter, victim: string): Promise<number> {
  const at = writer.now();
  await own.kill(victim);
  await writer.progress(100, 120);
  return writer.longestGap(at).millis;
}

/** Ends the writes, and tells what went wrong with any of them. */
export async function faultsOf(writer: ConstantWriter): Promise<string[]> {
  await writer.stop();
  return [...writer.backwards, ...(await writer.lost())];
}

/** What the plan's table says of a loss of these hosts. */
export function plannedEffect(own: OwnHosts, ...lost: string[]): LossEffect {
  const { controlPlane } = loadStack(own.name, { configFile: own.stackFile() });
  if (controlPlane.mode === "existing") throw new Error(`${own.name} plans no control plane`);
  return effectOf(planControlPlane(controlPlane).placements, new Set(lost));
}

/** What of it is seen: data and events need more than a look. */
export async function observedEffect(own: OwnHosts): Promise<Pick<LossEffect, "reads" | "writes" | "scheduling">> {
  const name = `seen-${randomBytes(4).toString("hex")}`;
  const limit = "--request-timeout=10s";
  const ok = async (...args: string[]) => (await own.tryKubectl([...args, limit])).code === 0;
  const whole = await ok("get", "namespace", "default");
  // Version 0: whatever the API server remembers.
  const remembered = whole || (await ok("get", "--raw", "/api/v1/namespaces?resourceVersion=0"));
  const writes = await ok("create", "configmap", name, "--namespace", "default");
  return {
    reads: whole ? "all" : remembered ? "cached" : "none",
    writes,
    scheduling: writes && (await findsPlace(own, name)),
  };
}

/** Whether a Deployment gets a pod, and the pod a node: its controller and the scheduler act. */
async function findsPlace(own: OwnHosts, name: string): Promise<boolean> {
  const image = "localhost:5000/pause:3.10.2";
  await own.kubectl(["create", "deployment", name, "--image", image, "--namespace", "default"]);
  // Whoever led the controllers and the scheduler may be lost: another takes over within 15 s.
  for (let tries = 0; tries < 60; tries++) {
    const nodes = await own.tryKubectl([
      ...["get", "pods", "--namespace", "default", "--selector", `app=${name}`],
      ...["--output", "jsonpath={.items[*].spec.nodeName}"],
    ]);
    if (nodes.code === 0 && nodes.stdout !== "") return true;
    await sleep(1000);
  }
  return false;
}
