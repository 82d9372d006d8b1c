import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { timed } from "../engine/phases.ts";
import { removeDocker } from "./docker.ts";
import {
  ensureBridge,
  gatewayOf,
  madeHosts,
  refuseForeignBridge,
  removeBridge,
  removeHost,
  startHost,
  stopHost,
  type LocalHost,
} from "./hosts.ts";
import { ensureImages } from "./images.ts";
import { raiseLimits, restoreLimits } from "./limits.ts";
import { ensurePackages, findProgram } from "./packages.ts";
import { root, stateDir } from "./paths.ts";
import { registryPort, startRegistry, startRegistryForHosts } from "./registry.ts";
import {
  logFile,
  logTail,
  serviceListens,
  servicePid,
  serviceState,
  startService,
  stopService,
  type ServiceState,
} from "./service.ts";
import { ensureParts } from "./toolchain.ts";

export interface LocalNeeds {
  readonly hosts: readonly LocalHost[];
  readonly serviceSubnet: string;
  /** Third-party images, by their names in data/images.yaml. */
  readonly images: readonly string[];
  /** Loopback ports that the stack's Services will be forwarded from. */
  readonly ports: readonly number[];
}

type Log = (line: string) => void;
const loadBalancer = "load-balancer";
const ownCluster = "or use an own cluster: npm start -- --context NAME";

/** What decides whether bare hosts can run here. */
export interface MachineFacts {
  readonly platform: NodeJS.Platform;
  /** The user's id; undefined where the system has none. */
  readonly uid: number | undefined;
  readonly hasNamespaces: boolean;
  readonly hasGo: boolean;
}

/** Why bare hosts cannot run on such a machine; empty where they can. */
export function unfitReasons(facts: MachineFacts): string[] {
  if (facts.platform !== "linux") return [`it runs ${facts.platform}, but bare hosts need Linux`];
  const reasons: string[] = [];
  if (facts.uid !== 0) reasons.push("the user is not root, but namespaces and mounts need root (sudo npm start)");
  if (!facts.hasNamespaces) reasons.push("its kernel has no network namespaces");
  if (!facts.hasGo) reasons.push("go was not found; install Go 1.26 or newer from go.dev");
  return reasons;
}

function refuseUnfitMachine(): void {
  const reasons = unfitReasons({
    platform: process.platform,
    uid: process.getuid?.(),
    hasNamespaces: existsSync("/proc/self/ns/net"),
    hasGo: findProgram("go") !== undefined,
  });
  if (reasons.length > 0)
    throw new Error(`this machine cannot run the local cluster: ${reasons.join("; ")}; mend that, ${ownCluster}`);
}

function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function refusePortsInUse(ports: readonly number[]): Promise<void> {
  const taken: number[] = [];
  for (const port of new Set([registryPort, ...ports])) {
    const holder = port === registryPort ? "registry" : loadBalancer;
    if (!serviceListens(holder, port) && !(await portIsFree(port))) taken.push(port);
  }
  if (taken.length > 0) {
    throw new Error(
      `loopback port ${taken.join(" and ")} ${taken.length > 1 ? "are" : "is"} in use by another program, but the local cluster needs ${taken.length > 1 ? "them" : "it"}; end that program (ss -ltnp shows it)${
        taken.every((port) => port === registryPort) ? "" : ", or give the service another expose.port"
      }`,
    );
  }
}

/**
 * Makes this machine ready for a stack: packages, parts, registry, images and bare hosts.
 * What runs already is left alone.
 */
export async function ensureLocal(needs: LocalNeeds, log: Log): Promise<{ unavailable: string[] }> {
  refuseUnfitMachine();
  await refusePortsInUse(needs.ports);
  await timed("packages", () => ensurePackages(log));
  await refuseForeignBridge();
  await timed("toolchain", () => ensureParts(["kubernetes", "registry", "etcd"], log));
  const network = { gateway: gatewayOf(needs.hosts), serviceSubnet: needs.serviceSubnet };
  await timed("registry", async () => {
    await ensureBridge(network);
    await startRegistry();
    await startRegistryForHosts(network.gateway);
  });
  const unavailable = await timed("images", () => ensureImages(needs.images, log));
  raiseLimits();
  await timed("hosts", async () => {
    for (const host of needs.hosts) {
      if (await startHost(host, needs.hosts, network)) log(`host ${host.name} (${host.address}) is up`);
    }
  });
  return { unavailable };
}

/** Forwards the loopback ports of the cluster's LoadBalancer Services. */
export async function startLoadBalancer(
  target: { kubeconfig: string; addresses: readonly string[] },
  log: Log,
): Promise<void> {
  const started = await startService({
    name: loadBalancer,
    command: process.execPath,
    args: [join(root, "local", "load-balancer.ts"), target.kubeconfig, ...target.addresses],
    ready: () => Promise.resolve(true),
  });
  if (started) log("the load balancer forwards loopback ports to the cluster");
}

export interface PartStatus {
  readonly name: string;
  readonly state: ServiceState;
  readonly pid?: number;
  readonly log: string;
  /** The last lines of the log, where the part died. */
  readonly lastWords?: string;
}

/** Every part of the local run and its state. */
export function status(): PartStatus[] {
  const services = ["registry", "registry-hosts", "docker", loadBalancer, ...madeHosts().map((name) => `host-${name}`)];
  return services.map((name) => {
    const state = serviceState(name);
    const pid = servicePid(name);
    const base = { name, state, log: logFile(name) };
    if (pid !== undefined) return { ...base, pid };
    return state === "died" ? { ...base, lastWords: logTail(name, 5) } : base;
  });
}

/** Ends every process that this checkout's local run started; disks, networks and images stay. */
export async function stopLocal(): Promise<void> {
  await stopService(loadBalancer);
  for (const name of madeHosts()) await stopHost(name);
  for (const name of ["docker", "registry-hosts", "registry"]) await stopService(name);
}

/**
 * Stops all and removes what the local run made on this machine, save the cache. What was noted of a stack goes with its
 * hosts: a state that remembers them would take their steps as done.
 */
export async function resetLocal(stack: string): Promise<void> {
  await stopLocal();
  for (const name of madeHosts()) await removeHost(name);
  await removeBridge();
  restoreLimits();
  await removeDocker();
  for (const name of ["hosts", "registry", "build", "services", "logs", "ssh", "phases.json", "kube-cache"]) {
    rmSync(join(stateDir, name), { recursive: true, force: true });
  }
  const notes = [
    `${stack}.kubeconfig`,
    `${stack}.unavailable.json`,
    join("state", ".pulumi", "stacks", "quorum", `${stack}.json`),
  ];
  for (const name of notes) rmSync(join(stateDir, name), { force: true });
}
