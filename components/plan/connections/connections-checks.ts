import { type Call, calleeOf } from "./calls.ts";
import { clusterNetwork, within } from "./cluster-network.ts";
import {
  calledService,
  type ConnectionSettings,
  exposedTo,
  type JobConnections,
  type ServiceConnections,
} from "./connections.ts";
import type { OutboundSettings, Party } from "./parties.ts";
import { platformParts } from "./platform-parts.ts";
import { didYouMean, type Problem } from "../problems.ts";

/** What the descriptions of connections are checked against. */
export interface ConnectionSurroundings {
  /** Services that the configuration names, those with problems of their own among them. */
  readonly declared: readonly string[];
  /** The same of quorum:mesh.external. @default none */
  readonly external?: readonly string[];
}

type CheckedService = ServiceConnections & { readonly kind: "Deployment" | "StatefulSet" | "DaemonSet" };
type CheckedSettings = Omit<ConnectionSettings, "services"> & {
  readonly services: Readonly<Record<string, CheckedService>>;
};

/** Everything in a configuration that contradicts itself about who talks to whom. Shapes are taken as checked. */
export function connectionProblems(
  settings: CheckedSettings,
  { declared, external = [] }: ConnectionSurroundings,
): Problem[] {
  const callable = { declared, external };
  const network = clusterNetwork(settings.controlPlane);
  const { parties } = platformParts(settings, network);
  return [
    ...Object.entries(settings.services).flatMap(([name, one]) => [
      ...callProblems(`quorum:services.${name}`, one.calls, callable),
      ...selfProblems(name, one),
      ...placeProblems(name, one),
      ...outboundProblems(`quorum:services.${name}`, one.outbound, network.inside),
    ]),
    ...Object.entries(settings.jobs).flatMap(([name, one]) => [
      ...jobCallProblems(name, one, declared),
      ...callProblems(`quorum:jobs.${name}`, one.calls, callable),
      ...outboundProblems(`quorum:jobs.${name}`, one.outbound, network.inside),
    ]),
    ...repositoryProblems(settings.backup?.outbound.subnet, network.inside),
    ...nameProblems(Object.keys(settings.jobs), declared, parties),
  ];
}

type Callable = Required<ConnectionSurroundings>;

function callProblems(key: string, calls: readonly Call[], { declared, external }: Callable): Problem[] {
  const callees = calls.map(calleeOf);
  return calls.flatMap((call, index): Problem[] => {
    const callee = calleeOf(call);
    const at = `${key}.calls.${index}${typeof call === "string" ? "" : ".service"}`;
    if (callees.indexOf(callee) < index)
      return [{ key: at, text: `is "${callee}", but it is named before; leave it out` }];
    if (external.includes(callee) && typeof call !== "string" && !declared.includes(callee))
      return [
        {
          key: at,
          text: `is "${callee}", which is in quorum:mesh.external, but what is asked of a host outside nobody there can check; write only its name`,
        },
      ];
    return [...declared, ...external].includes(callee) ? [] : [undeclared(at, callee, callee, declared, external)];
  });
}

function jobCallProblems(name: string, { call, calls }: JobConnections, declared: readonly string[]): Problem[] {
  if (call === undefined) return [];
  const key = `quorum:jobs.${name}`;
  const callee = calledService(call);
  const again = calls.map(calleeOf).indexOf(callee);
  return [
    ...(declared.includes(callee) ? [] : [undeclared(`${key}.call`, call, callee, declared)]),
    ...(again < 0 ? [] : [{ key: `${key}.calls.${again}`, text: `is "${callee}", but call names it; leave it out` }]),
  ];
}

function undeclared(
  key: string,
  got: string,
  callee: string,
  declared: readonly string[],
  external: readonly string[] = [],
): Problem {
  const near = didYouMean(callee, [...declared, ...external]);
  const fix =
    near === undefined
      ? "declare it in quorum:services, or use outbound for what is outside the cluster"
      : `did you mean ${near}?`;
  const places = external.length === 0 ? "quorum:services" : "quorum:services or quorum:mesh.external";
  return { key, text: `is "${got}", but ${callee} must be one of ${places}; ${fix}` };
}

function selfProblems(name: string, { calls, kind }: CheckedService): Problem[] {
  const index = calls.map(calleeOf).indexOf(name);
  if (index < 0 || kind === "StatefulSet") return [];
  return [
    {
      key: `quorum:services.${name}.calls.${index}`,
      text: `is "${name}", but only the pods of a StatefulSet call each other, and a pod needs no leave to call itself; leave it out`,
    },
  ];
}

function placeProblems(name: string, one: ServiceConnections): Problem[] {
  const key = `quorum:services.${name}.exposedTo`;
  const places = exposedTo(one);
  const shown = places.length === 0 ? "empty" : `[${places.join(", ")}]`;
  const problems: Problem[] = places.flatMap((place, index) =>
    places.indexOf(place) < index
      ? [{ key: `${key}.${index}`, text: `is "${place}", but it is named before; leave it out` }]
      : [],
  );
  if (one.expose !== undefined && !places.includes("outside")) {
    problems.push({
      key,
      text: `is ${shown}, but expose opens the service to the outside; add outside, or leave out expose or exposedTo`,
    });
  }
  if (one.ingress !== undefined && !places.includes("ingress")) {
    problems.push({
      key,
      text: `is ${shown}, but ingress leads to the service; add ingress, or leave out the section ingress or exposedTo`,
    });
  }
  if (one.expose === undefined && places.includes("outside")) {
    problems.push({
      key,
      text: `is ${shown}, but without expose the outside cannot reach the service; set expose, or leave out outside`,
    });
  }
  return problems;
}

function outboundProblems(key: string, outbound: readonly OutboundSettings[], inside: readonly string[]): Problem[] {
  const shown = outbound.map(({ subnet, port, protocol }) => `${subnet} ${port}/${protocol}`);
  return outbound.flatMap(({ subnet }, index): Problem[] => {
    const at = `${key}.outbound.${index}`;
    const own = inside.find((one) => within(subnet, one));
    if (own !== undefined) {
      return [
        {
          key: `${at}.subnet`,
          text: `is "${subnet}", but that lies in the cluster's own ${own}; name the service in calls instead`,
        },
      ];
    }
    return shown.indexOf(shown[index] ?? "") < index
      ? [{ key: at, text: `is ${shown[index] ?? ""}, but it is named before; leave it out` }]
      : [];
  });
}

function repositoryProblems(subnet: string | undefined, inside: readonly string[]): Problem[] {
  const own = subnet === undefined ? undefined : inside.find((one) => within(subnet, one));
  if (own === undefined) return [];
  return [
    {
      key: "quorum:backup.outbound.subnet",
      text: `is "${subnet ?? ""}", but that lies in the cluster's own ${own}, and a backup must outlive the cluster; set the subnet of a repository off the cluster`,
    },
  ];
}

/** Pods are told apart by their label app alone. */
function nameProblems(jobs: readonly string[], services: readonly string[], parties: readonly Party[]): Problem[] {
  const parts = parties.filter(({ place }) => place === "apps").map(({ app }) => app);
  const taken = (key: string, name: string, by: string): Problem => ({
    key: `${key}.${name}`,
    text: `is a name that is not allowed; it must be another than that of ${by}, as the network tells their pods apart by it`,
  });
  return [
    ...jobs.filter((name) => services.includes(name)).map((name) => taken("quorum:jobs", name, "a service")),
    ...jobs.filter((name) => parts.includes(name)).map((name) => taken("quorum:jobs", name, "a part of the platform")),
    ...services
      .filter((name) => parts.includes(name))
      .map((name) => taken("quorum:services", name, "a part of the platform")),
  ];
}
