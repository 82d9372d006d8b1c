import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectionProblems } from "../../../components/plan/connections/connections-checks.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { aJob, anySettings, aService, connectionSettings, type Settings } from "./connection-settings.ts";

function problems(more: Partial<Settings>, declared = Object.keys(more.services ?? {})): string[] {
  return connectionProblems(connectionSettings(more), { declared }).map(formatProblem);
}

const one = (more: Parameters<typeof aService>[0]) => ({ services: { shop: aService(more), svcb: aService() } });
const jobs = (more: Parameters<typeof aJob>[0]) => ({ services: { svcb: aService() }, jobs: { nightly: aJob(more) } });
const to = (subnet: string, port = 443) => ({ subnet, port, protocol: "TCP" as const });

describe("a description of connections is refused for", () => {
  it.each<[string, Partial<Settings>, string[]]>([
    [
      "a call to a service that is not declared, with the near name",
      one({ calls: ["svcc"] }),
      ['quorum:services.shop.calls.0 is "svcc", but svcc must be one of quorum:services; did you mean svcb?'],
    ],
    [
      "a call to what is nowhere near",
      one({ calls: ["svcb", "payments"] }),
      [
        'quorum:services.shop.calls.1 is "payments", but payments must be one of quorum:services; declare it in quorum:services, or use outbound for what is outside the cluster',
      ],
    ],
    [
      "a call to itself",
      one({ calls: ["shop"] }),
      [
        'quorum:services.shop.calls.0 is "shop", but only the pods of a StatefulSet call each other, and a pod needs no leave to call itself; leave it out',
      ],
    ],
    [
      "the same call twice",
      one({ calls: ["svcb", "svcb"] }),
      ['quorum:services.shop.calls.1 is "svcb", but it is named before; leave it out'],
    ],
    [
      "expose without outside",
      one({ expose: {}, exposedTo: [] }),
      [
        "quorum:services.shop.exposedTo is empty, but expose opens the service to the outside; add outside, or leave out expose or exposedTo",
      ],
    ],
    [
      "ingress without ingress",
      one({ expose: {}, ingress: {}, exposedTo: ["outside"] }),
      [
        "quorum:services.shop.exposedTo is [outside], but ingress leads to the service; add ingress, or leave out the section ingress or exposedTo",
      ],
    ],
    [
      "outside without expose",
      one({ exposedTo: ["outside"] }),
      [
        "quorum:services.shop.exposedTo is [outside], but without expose the outside cannot reach the service; set expose, or leave out outside",
      ],
    ],
    [
      "a place named twice",
      one({ exposedTo: ["ingress", "ingress"] }),
      ['quorum:services.shop.exposedTo.1 is "ingress", but it is named before; leave it out'],
    ],
    [
      "pods or Services as something outside",
      one({ outbound: [to("198.51.100.0/24"), to("10.244.7.0/24"), to("10.96.0.1/32")] }),
      [
        'quorum:services.shop.outbound.1.subnet is "10.244.7.0/24", but that lies in the cluster\'s own 10.244.0.0/16; name the service in calls instead',
        'quorum:services.shop.outbound.2.subnet is "10.96.0.1/32", but that lies in the cluster\'s own 10.96.0.0/16; name the service in calls instead',
      ],
    ],
    [
      "the same outside twice",
      jobs({ outbound: [to("198.51.100.0/24"), to("198.51.100.0/24", 80), to("198.51.100.0/24")] }),
      ["quorum:jobs.nightly.outbound.2 is 198.51.100.0/24 443/TCP, but it is named before; leave it out"],
    ],
    [
      "a job's call to a service that is not declared",
      jobs({ call: "svcd/wakeUp" }),
      ['quorum:jobs.nightly.call is "svcd/wakeUp", but svcd must be one of quorum:services; did you mean svcb?'],
    ],
    [
      "a job's call that calls names too",
      jobs({ call: "svcb/wakeUp", calls: ["svcb"] }),
      ['quorum:jobs.nightly.calls.0 is "svcb", but call names it; leave it out'],
    ],
    [
      "a backup in the cluster that it is of",
      { backup: { outbound: to("10.96.0.0/24") } },
      [
        'quorum:backup.outbound.subnet is "10.96.0.0/24", but that lies in the cluster\'s own 10.96.0.0/16, and a backup must outlive the cluster; set the subnet of a repository off the cluster',
      ],
    ],
    [
      "a service with the name of a part of the platform",
      {
        services: { "generated-secrets": aService() },
        security: { generatedSecrets: { database: { namespace: "apps", keys: ["password"], length: 32 } } },
      },
      [
        "quorum:services.generated-secrets is a name that is not allowed; it must be another than that of a part of the platform, as the network tells their pods apart by it",
      ],
    ],
    [
      "a job with the name of a service",
      { services: { nightly: aService() }, jobs: { nightly: aJob() } },
      [
        "quorum:jobs.nightly is a name that is not allowed; it must be another than that of a service, as the network tells their pods apart by it",
      ],
    ],
  ])("%s", (_, more, expected) => {
    expect(problems(more)).toEqual(expected);
  });

  it("nothing where a callee is declared but has problems of its own", () => {
    expect(problems({ services: { shop: aService({ calls: ["broken"] }) } }, ["shop", "broken"])).toEqual([]);
  });

  it.each<[string, Partial<Settings>]>([
    ["the pods of a StatefulSet that call each other", one({ kind: "StatefulSet", calls: ["shop"] })],
    ["a scrape without a Prometheus", one({ scrape: true })],
    ["an Ingress that somebody else made", one({ exposedTo: ["ingress"] })],
    ["the whole world as outside", one({ outbound: [to("0.0.0.0/0")] })],
    [
      "any outside, where the cluster's own subnets are not known",
      { ...one({ outbound: [to("10.244.7.0/24")] }), controlPlane: { mode: "existing" } },
    ],
  ])("nothing in %s", (_, more) => {
    expect(problems(more)).toEqual([]);
  });

  it("nothing that the properties of connections are tried with", () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        expect(connectionProblems(settings, { declared: Object.keys(settings.services) })).toEqual([]);
      }),
    );
  });
});
