/* eslint-disable @typescript-eslint/no-explicit-any -- a transformation takes props of any resource */
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { leavePastProxy } from "../../../components/mesh/outside-mesh.ts";
import { planConnections } from "../../../components/plan/connections/connections.ts";
import type { SidecarNeeds } from "../../../components/plan/mesh/sidecars.ts";
import { tracePorts } from "../../../components/plan/mesh/trace-ports.ts";
import { connectionSettings } from "../connections/connection-settings.ts";
import { anExternal, aService } from "./settings.ts";

function portsOf(services: Readonly<Record<string, object>>, external = {}, collector = true) {
  const mesh = { mode: "install" as const, external };
  const whole = Object.fromEntries(
    Object.entries(services).map(([name, one]) => [
      name,
      { ...aService(), outbound: [], scrape: false, kind: "Deployment", volumes: {}, ...one },
    ]),
  );
  const base = connectionSettings({});
  const settings = connectionSettings({
    services: whole as never,
    jobs: {},
    mesh,
    monitoring: {
      ...base.monitoring,
      collector: {
        ...base.monitoring.collector,
        gateway: { ...base.monitoring.collector.gateway, enabled: collector },
      },
    },
  });
  return Object.fromEntries(tracePorts(planConnections(settings), { ...settings, mesh } as unknown as SidecarNeeds));
}

describe("calls with spans of a program's own", () => {
  test("go past the proxy, of who sends any", () => {
    expect(portsOf({ web: {}, quiet: { traces: false }, old: { mesh: false } })).toEqual({ web: [4317, 4318] });
    expect(portsOf({ web: {} }, {}, false)).toEqual({});
  });

  test("do not take along what is called at the same port", () => {
    const services = {
      web: { calls: ["other"] },
      other: { port: 8080, servicePort: 4318 },
      front: { calls: ["api"] },
      back: { outbound: [{ subnet: "192.0.2.0/24", port: 4317, protocol: "TCP" }] },
    };
    expect(portsOf(services, { api: anExternal({ port: 443, tls: { plainPort: 4317 } }) })).toEqual({
      web: [4317],
      other: [4317, 4318],
      front: [4318],
      back: [4318],
    });
  });

  test("are said at the pods that make them, beside what these say already", async () => {
    const change = leavePastProxy(new Map([["web", [4317, 4318]]]));
    const run = async (type: string, app: string) => {
      const template = { metadata: { labels: { app }, annotations: pulumi.output({ kept: "yes" }) } };
      const result = change({ type, name: "x", props: { spec: { template } }, opts: {}, resource: {} as never });
      const annotations = (result?.props as any)?.spec.template.metadata.annotations as pulumi.Output<unknown>;
      return result && new Promise((resolve) => void annotations.apply(resolve));
    };
    expect(await run("kubernetes:apps/v1:Deployment", "web")).toEqual({
      kept: "yes",
      "traffic.sidecar.istio.io/excludeOutboundPorts": "4317,4318",
    });
    expect(await run("kubernetes:apps/v1:Deployment", "other")).toBeUndefined();
    expect(await run("kubernetes:core/v1:Service", "web")).toBeUndefined();
  });
});
