import { list, type Problem } from "../problems.ts";
import { type IngressConfig, tlsPortProblem } from "../workload/ingress-checks.ts";
import { type ReachedPart, reachedParts } from "./sign-in.ts";

interface Reached {
  readonly enabled: boolean;
  readonly ingress?: { readonly hostname: string; readonly tls?: object | undefined } | undefined;
}

const endpoints = { authUrl: "authorization_endpoint", tokenUrl: "token_endpoint", apiUrl: "userinfo_endpoint" };
type Endpoint = keyof typeof endpoints;

interface SignIn extends Readonly<Partial<Record<Endpoint, string | undefined>>> {
  readonly issuerUrl: string;
  readonly scopes: readonly string[];
}

/** What of the monitoring says how people reach its parts. */
export type AccessWanted = Readonly<Record<ReachedPart, Reached>> & {
  readonly signIn?: SignIn | undefined;
};

/** What is around it that people reach too. */
export interface AccessSurroundings {
  readonly local: boolean;
  readonly ingress: IngressConfig["ingress"];
  /** Hostname of each service with an ingress, by the service's name. */
  readonly hostnames: Readonly<Record<string, string>>;
}

const key = "quorum:monitoring";

/** Everything that is wrong with how people reach the parts of the monitoring. */
export function accessProblems(monitoring: AccessWanted, surroundings: AccessSurroundings): Problem[] {
  const reached = reachedParts.flatMap((part) => {
    const { enabled, ingress } = monitoring[part];
    return enabled && ingress !== undefined ? [{ part, ...ingress }] : [];
  });
  return [
    ...reached.flatMap((one) => ingressProblems(one, monitoring, surroundings)),
    ...hostnameProblems(reached, surroundings),
    ...(monitoring.signIn === undefined ? [] : signInProblems(monitoring.signIn, monitoring.grafana, surroundings)),
  ];
}

interface Reaching {
  readonly part: ReachedPart;
  readonly hostname: string;
  readonly tls?: object | undefined;
}

function ingressProblems(
  { part, hostname, tls }: Reaching,
  { signIn }: AccessWanted,
  { local, ingress }: AccessSurroundings,
): Problem[] {
  const own = `${key}.${part}.ingress`;
  const problems: Problem[] = [];
  if (part !== "grafana" && signIn === undefined && !local) {
    problems.push({
      key: own,
      text: `is ${hostname}, but ${part} asks nobody who they are, so whoever reaches the ingress controller could use it; set ${key}.signIn, or leave it out`,
    });
  }
  if (tls === undefined && !local) {
    problems.push({
      key: `${own}.tls`,
      text: `is missing, but people sign in there, and sessions and passwords would pass in plain text; set it, for example to {issuer: letsencrypt}`,
    });
  }
  return [...problems, ...tlsPortProblem(own, tls, ingress)];
}

/** A part has all paths of its hostname. */
function hostnameProblems(reached: readonly Reaching[], { hostnames }: AccessSurroundings): Problem[] {
  const taken = new Map(Object.entries(hostnames).map(([name, hostname]) => [hostname, `quorum:services.${name}`]));
  return reached.flatMap(({ part, hostname }): Problem[] => {
    const other = taken.get(hostname);
    taken.set(hostname, other ?? `${key}.${part}`);
    if (other === undefined) return [];
    const text = `is ${hostname}, but ${other}.ingress has that name already, and a part needs one to itself; set another`;
    return [{ key: `${key}.${part}.ingress.hostname`, text }];
  });
}

function signInProblems(signIn: SignIn, { enabled }: Reached, { local }: AccessSurroundings): Problem[] {
  const problems: Problem[] = [];
  const add = (field: string, text: string) => problems.push({ key: `${key}.signIn.${field}`, text });
  const names = Object.keys(endpoints) as Endpoint[];
  for (const field of ["issuerUrl", ...names] as const) {
    const url = signIn[field];
    if (url?.startsWith("http://") && !local)
      add(field, `is "${url}", but secrets and tokens would pass in plain text; set an https URL`);
  }
  for (const field of enabled ? names : []) {
    if (signIn[field] === undefined)
      add(
        field,
        `is missing, but Grafana does not look it up by itself; set it to ${endpoints[field]} of ${signIn.issuerUrl.replace(/\/$/, "")}/.well-known/openid-configuration`,
      );
  }
  if (!signIn.scopes.includes("openid"))
    add("scopes", `is ${list(signIn.scopes) || "empty"}, but without openid nobody is told who signs in; add it`);
  return problems;
}
