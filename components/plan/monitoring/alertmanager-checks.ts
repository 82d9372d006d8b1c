import { calledService } from "../connections/connections.ts";
import { didYouMean, list, type Problem } from "../problems.ts";
import { severities, type Severity } from "./alertmanager-config.ts";

interface Present {
  readonly enabled: boolean;
}

interface Target {
  readonly url?: string | undefined;
  readonly call?: string | undefined;
}

interface ReceiverWanted {
  readonly webhook?: (Target & { readonly bearerToken?: string | undefined }) | undefined;
  readonly email?:
    | {
        readonly smarthost: string;
        readonly username?: string | undefined;
        readonly password?: string | undefined;
      }
    | undefined;
  readonly slack?: { readonly apiUrl: string } | undefined;
  readonly pagerduty?: { readonly routingKey: string } | undefined;
  readonly severities?: readonly Severity[] | undefined;
}

/** What of the monitoring decides who is told of alerts. */
export interface AlertmanagerWanted {
  readonly prometheus: Present;
  readonly alertmanager: {
    readonly enabled: boolean;
    /** Whether nobody need be told. */
    readonly unattended: boolean;
    readonly receivers: Readonly<Record<string, ReceiverWanted>>;
    readonly deadMansSwitch?: Target | undefined;
    readonly groupIntervalSeconds: number;
    readonly repeatHours: number;
  };
}

interface AlertmanagerSurroundings {
  readonly platform: "owned" | "shared";
  readonly local: boolean;
  readonly complete: boolean;
  readonly services: readonly string[];
}

const key = "quorum:monitoring.alertmanager";
const kinds = ["webhook", "email", "slack", "pagerduty"] as const;

/** Everything that would keep alerts from somebody. */
export function alertmanagerProblems(wanted: AlertmanagerWanted, around: AlertmanagerSurroundings): Problem[] {
  const { receivers, deadMansSwitch, groupIntervalSeconds, repeatHours } = wanted.alertmanager;
  const problems = Object.entries(receivers).flatMap(([name, receiver]) =>
    receiverProblems(`${key}.receivers.${name}`, receiver, around),
  );
  if (deadMansSwitch !== undefined) problems.push(...targetProblems(`${key}.deadMansSwitch`, deadMansSwitch, around));
  if (repeatHours * 3600 < groupIntervalSeconds) {
    problems.push({
      key: `${key}.groupIntervalSeconds`,
      text: `is ${groupIntervalSeconds}, but it must be at most the ${repeatHours * 3600} of repeatHours; set it lower`,
    });
  }
  return [...problems, ...(mustReach(wanted, around) ? silence(wanted.alertmanager) : [])];
}

/** What the operator should know of an Alertmanager that is allowed as it is. */
export function alertmanagerWarnings(
  wanted: Pick<AlertmanagerWanted, "prometheus"> & {
    readonly alertmanager: {
      readonly unattended: boolean;
      readonly receivers: Readonly<Record<string, { readonly severities?: readonly Severity[] | undefined }>>;
      readonly deadMansSwitch?: object | undefined;
    };
  },
  around: Pick<AlertmanagerSurroundings, "platform" | "local">,
): string[] {
  if (!mustReach(wanted, around)) return [];
  const { receivers, deadMansSwitch } = wanted.alertmanager;
  const unheard = severities.filter((severity) => !isHeard(severity, receivers));
  return [
    ...(unheard.length === 0
      ? []
      : [
          `${key}.receivers: nobody is told of alerts with severity ${list(unheard)}; they show on Alertmanager's page only`,
        ]),
    ...(deadMansSwitch === undefined
      ? [`${key}.deadMansSwitch is missing: when the monitoring itself is down, nobody is told`]
      : []),
  ];
}

function receiverProblems(at: string, receiver: ReceiverWanted, around: AlertmanagerSurroundings): Problem[] {
  const given = kinds.filter((kind) => receiver[kind] !== undefined);
  const problems: Problem[] = [];
  if (given.length !== 1) {
    problems.push({
      key: at,
      text: `has ${given.length === 0 ? "no kind" : list(given)}, but it must have exactly one of ${list(kinds)}; ${given.length === 0 ? "set one" : "make a receiver of each"}`,
    });
  }
  const { webhook, email, slack, pagerduty, severities: wanted } = receiver;
  if (wanted?.length === 0) {
    problems.push({
      key: `${at}.severities`,
      text: `is an empty list, but it must have one of ${list(severities)}; leave it out for all of them`,
    });
  }
  if (webhook !== undefined) {
    problems.push(...targetProblems(`${at}.webhook`, webhook, around));
    problems.push(...unsetProblems(`${at}.webhook.bearerToken`, webhook.bearerToken, around));
  }
  if (email !== undefined) problems.push(...emailProblems(`${at}.email`, email, around));
  if (slack !== undefined) problems.push(...urlProblems(`${at}.slack.apiUrl`, slack.apiUrl, around));
  if (pagerduty !== undefined)
    problems.push(...unsetProblems(`${at}.pagerduty.routingKey`, pagerduty.routingKey, around));
  return problems;
}

function targetProblems(at: string, { url, call }: Target, around: AlertmanagerSurroundings): Problem[] {
  if (url === undefined && call === undefined) {
    return [{ key: at, text: "has no address, but it must have url or call; set one of them" }];
  }
  if (url !== undefined && call !== undefined) {
    return [{ key: `${at}.call`, text: `is "${call}", but url is set too; leave out one of them` }];
  }
  if (url !== undefined) return urlProblems(`${at}.url`, url, around);
  const name = calledService(call ?? "");
  if (around.services.includes(name)) return [];
  const near = didYouMean(name, around.services);
  const fix = near === undefined ? "declare it in quorum:services" : `did you mean ${near}?`;
  return [{ key: `${at}.call`, text: `is "${call ?? ""}", but there is no service "${name}"; ${fix}` }];
}

function emailProblems(
  at: string,
  { smarthost, username, password }: NonNullable<ReceiverWanted["email"]>,
  around: AlertmanagerSurroundings,
): Problem[] {
  const problems = unsetProblems(`${at}.password`, password, around);
  const port = Number(smarthost.slice(smarthost.lastIndexOf(":") + 1));
  if (port < 1 || port > 65_535) {
    problems.push({
      key: `${at}.smarthost`,
      text: `is "${smarthost}", but its port must be from 1 to 65535; set it, for example to 587`,
    });
  }
  if ((username === undefined) !== (password === undefined)) {
    const [missing, there] = username === undefined ? ["username", "password"] : ["password", "username"];
    problems.push({
      key: `${at}.${missing}`,
      text: `is missing, but ${there} is set and means nothing alone; set both or neither`,
    });
  }
  return problems;
}

/** The value may be a secret, so no message shows it. */
function urlProblems(at: string, url: string, around: AlertmanagerSurroundings): Problem[] {
  if (url.startsWith(unset)) return unsetProblems(at, url, around);
  if (URL.canParse(url) && !url.includes("{{")) return [];
  return [{ key: at, text: "is no URL, but it must be one; set it, for example to https://alerts.example.com/hook" }];
}

/** What a render has in place of a secret. */
const unset = "unset:";

function unsetProblems(at: string, secret: string | undefined, { complete }: AlertmanagerSurroundings): Problem[] {
  if (!complete || secret?.startsWith(unset) !== true) return [];
  return [{ key: at, text: "is not set, but nobody can be told without it; set the secret" }];
}

/** On a real cluster of its own a stack that notices something must say so. */
function mustReach(
  {
    prometheus,
    alertmanager,
  }: { readonly prometheus: Present; readonly alertmanager: { readonly unattended: boolean } },
  { platform, local }: Pick<AlertmanagerSurroundings, "platform" | "local">,
): boolean {
  return platform === "owned" && !local && prometheus.enabled && !alertmanager.unattended;
}

const unattended = "unattended: true where nobody need be told";

function silence({ enabled, receivers }: AlertmanagerWanted["alertmanager"]): Problem[] {
  if (!enabled) {
    return [
      { key: `${key}.enabled`, text: `is false, but alerts must reach somebody; leave it out, or set ${unattended}` },
    ];
  }
  if (Object.keys(receivers).length === 0) {
    return [
      {
        key: `${key}.receivers`,
        text: `is empty, but alerts must reach somebody; add a receiver, for example oncall: {webhook: {url: https://alerts.example.com/hook}}, or set ${unattended}`,
      },
    ];
  }
  if (isHeard("critical", receivers)) return [];
  return [
    {
      key: `${key}.receivers`,
      text: `has ${list(Object.keys(receivers))}, but none takes severity critical, and critical alerts must reach somebody; add critical to the severities of one`,
    },
  ];
}

function isHeard(
  severity: Severity,
  receivers: Readonly<Record<string, { readonly severities?: readonly Severity[] | undefined }>>,
): boolean {
  return Object.values(receivers).some(({ severities: wanted }) => wanted?.includes(severity) ?? true);
}
