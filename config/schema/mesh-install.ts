import { z } from "zod";
import { expose } from "./services.ts";
import { allowed, choice, flag, integer, label, list, mapping, text } from "./shapes.ts";

const folder = /^(\/|\.{1,2}\/|https?:\/\/)[^\s]+$/;
const hostFolder = (example: string) => text("an absolute folder of the hosts", example, /^(\/[A-Za-z0-9._-]+)+$/);
const percent = allowed("a number from 0 to 100", "1");

/** Keys of quorum:mesh that say how Istio itself is had; what services say of it lies with them. */
export const meshInstallation = {
  /** With mode existing: the revision whose istiod serves the stack. @default the cluster's default one */
  revision: label("a revision of Istio", "stable").optional(),
  /** Where Istio's charts are: a folder with base, istiod, cni and gateway, or the URL of their repository. @default those of the pinned Go module */
  charts: text("a folder or a URL", "./charts", folder).optional(),
  /** Whose Envoy the proxies run. `stock` is for images built by the local recipes: Envoy without Istio's filters, so no series istio_*. @default official, but stock on local hosts */
  build: choice(["official", "stock"]).optional(),
  istiod: mapping({
    /** Two or more also get a disruption budget. */
    replicas: integer(1, 10, 2).default(1),
    cpuMillis: integer(10, 64_000, 100).default(100),
    memoryMiB: integer(64, 65_536, 512).default(512),
  }).prefault({}),
  /** What each sidecar is given. */
  proxy: mapping({
    cpuMillis: integer(1, 64_000, 50).default(50),
    cpuLimitMillis: integer(10, 64_000, 1000).default(1000),
    memoryMiB: integer(32, 65_536, 128).default(128),
    memoryLimitMiB: integer(64, 65_536, 256).default(256),
  }).prefault({}),
  /** How pods get their redirection: by a plugin on each host, so that no pod needs rights of its own for it. */
  cni: mapping({
    /** Where the container runtime looks for plugins: with another folder no pod can be made or ended any more. @default /opt/cni/bin, but /usr/lib/cni on local hosts */
    binDir: hostFolder("/opt/cni/bin").optional(),
    confDir: hostFolder("/etc/cni/net.d").default("/etc/cni/net.d"),
  }).prefault({}),
  /** Pods through which the outside comes in, where quorum:ingress.controller is istio. */
  gateway: mapping({
    cpuMillis: integer(10, 64_000, 100).default(100),
    memoryMiB: integer(64, 65_536, 256).default(256),
  }).prefault({}),
  /** Pods through which calls leave the mesh, where a host of `external` asks for it. */
  egress: mapping({
    /** Two or more also get a disruption budget. */
    replicas: integer(1, 100, 2).default(2),
    cpuMillis: integer(10, 64_000, 100).default(100),
    memoryMiB: integer(64, 65_536, 256).default(256),
  }).prefault({}),
  telemetry: mapping({
    /** Share of the requests that are traced: the proxies' draw counts, whatever a caller decided. Refused with quorum:monitoring.tls, where proxies send no spans. @default 1 (Istio's own), but 100 on local hosts */
    samplingPercent: z.number(percent).min(0, percent).max(100, percent).optional(),
    /** Which requests a proxy writes a line for: those that failed, all, or none. */
    accessLogs: choice(["errors", "all", "none"]).default("errors"),
  }).prefault({}),
  /** Graph of who talks to whom, read-only. */
  kiali: mapping({
    enabled: flag().default(false),
    expose: expose.optional(),
    /** Namespaces that it shows besides the stack's own. */
    namespaces: list(label("a namespace", "istio-system"), "namespaces").default([]),
  }).prefault({}),
};
