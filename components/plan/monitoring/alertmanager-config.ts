import { stringify } from "yaml";

export const severities = ["critical", "warning", "info"] as const;
export type Severity = (typeof severities)[number];

/** Somebody who is told of alerts: exactly one of webhook, email, slack and pagerduty. */
export interface Receiver {
  readonly webhook?: { readonly url: string; readonly bearerToken?: string | undefined } | undefined;
  readonly email?:
    | {
        readonly to: string;
        readonly from: string;
        /** host:port */
        readonly smarthost: string;
        readonly username?: string | undefined;
        readonly password?: string | undefined;
      }
    | undefined;
  readonly slack?: { readonly apiUrl: string; readonly channel: string } | undefined;
  readonly pagerduty?: { readonly routingKey: string } | undefined;
  /** @default all */
  readonly severities?: readonly Severity[] | undefined;
}

/** Who is told of what, and how often. */
export interface AlertmanagerSettings {
  readonly receivers: Readonly<Record<string, Receiver>>;
  readonly deadMansSwitch?: { readonly url: string; readonly intervalSeconds: number } | undefined;
  readonly groupWaitSeconds: number;
  readonly groupIntervalSeconds: number;
  readonly repeatHours: number;
}

/** Where the links of messages lead. */
export interface MessageLinks {
  /** Alertmanager's own pages. */
  readonly externalUrl?: string | undefined;
  /** Put before the path of a runbook. */
  readonly runbooksUrl?: string | undefined;
}

/** Folder of the configuration, and what is in it. */
export const alertmanagerFiles = {
  folder: "/etc/alertmanager",
  config: "alertmanager.yml",
  messages: "messages.tmpl",
  links: "links.tmpl",
} as const;

/** The alert that always fires (data/rules/watchdog.yaml). */
export const watchdog = "Watchdog";
// Receivers of the user's have names in lower case.
const nobody = "Nobody";
const deadMansSwitch = "DeadMansSwitch";

/** What alerts of one message have in common. By severity too: PagerDuty and Slack show one for the whole message. */
const groupBy = ["alertname", "severity", "namespace", "service"];
/** Labels that say what an alert is about. */
const subject = [
  ...["namespace", "service", "pod", "container", "node", "mountpoint", "device", "persistentvolumeclaim"],
  ...["cronjob", "name", "instance"],
];

/**
 * Alerts of data/rules that need not be said while another one says why: which, on account of which, about the same what. A service
 * or a node that is down mutes whatever else there is of it.
 */
export const consequences: readonly {
  readonly of: string;
  readonly muted: readonly string[];
  readonly same: readonly string[];
}[] = [
  { of: "NodeDown", muted: ["NodeNotReady"], same: ["node"] },
  { of: "NodeFilesystemAlmostFull", muted: ["NodeFilesystemFillingUp"], same: ["node", "mountpoint", "device"] },
  {
    of: "PersistentVolumeAlmostFull",
    muted: ["PersistentVolumeFillingUp"],
    same: ["namespace", "persistentvolumeclaim"],
  },
  { of: "PodCrashLooping", muted: ["PodNotReady"], same: ["namespace", "pod"] },
  { of: "ContainerWaiting", muted: ["PodNotReady"], same: ["namespace", "pod"] },
  { of: "KubeletCertificateExpires", muted: ["KubeletCertificateRenewalFails"], same: ["node"] },
  { of: "CertificateExpires", muted: ["CertificateNotRenewed"], same: ["namespace", "name"] },
];

/** Alertmanager's configuration file: it holds secrets. */
export function alertmanagerConfig(settings: AlertmanagerSettings): string {
  const { receivers, groupWaitSeconds, groupIntervalSeconds, repeatHours } = settings;
  return stringify({
    templates: [`${alertmanagerFiles.folder}/*.tmpl`],
    route: {
      receiver: nobody,
      group_by: groupBy,
      group_wait: `${groupWaitSeconds}s`,
      group_interval: `${groupIntervalSeconds}s`,
      repeat_interval: `${repeatHours}h`,
      routes: [
        watchdogRoute(settings),
        ...Object.entries(receivers).map(([receiver, { severities: wanted }]) => ({
          receiver,
          matchers: severityMatchers(wanted ?? severities),
          // Each receiver is asked, whatever those before it took.
          continue: true,
        })),
      ],
    },
    inhibit_rules: inhibitions,
    receivers: [
      { name: nobody },
      ...(settings.deadMansSwitch ? [heartbeat(settings.deadMansSwitch.url)] : []),
      ...Object.entries(receivers).map(([name, receiver]) => ({ name, ...integrations(receiver) })),
    ],
  });
}

/** The Watchdog goes to the dead man's switch and to nobody else. */
function watchdogRoute({ deadMansSwitch: settings }: AlertmanagerSettings) {
  const route = { matchers: [`alertname="${watchdog}"`] };
  if (settings === undefined) return { receiver: nobody, ...route };
  const { intervalSeconds } = settings;
  return {
    receiver: deadMansSwitch,
    ...route,
    group_by: ["alertname"],
    group_wait: "0s",
    // A message is sent again at the first end of a group interval that is later than the repeat interval: with both as long
    // as the heartbeat, every other one would come a moment too early and be left out.
    group_interval: `${Math.floor(intervalSeconds / 2)}s`,
    repeat_interval: `${Math.floor((intervalSeconds * 3) / 4)}s`,
  };
}

/** Whoever takes critical alerts also takes those whose severity is none of ours: an alert that nobody expected is never lost. */
function severityMatchers(wanted: readonly Severity[]): string[] {
  if (!wanted.includes("critical")) return [`severity=~"${wanted.join("|")}"`];
  const others = severities.filter((severity) => !wanted.includes(severity));
  return others.length === 0 ? [] : [`severity!~"${others.join("|")}"`];
}

/** Each source has all labels that have to be equal, as labels that both lack count as equal. */
const inhibitions = [
  {
    name: "the worse severity of the same alert",
    source_matchers: ['severity="critical"'],
    target_matchers: ['severity=~"warning|info"'],
    equal: ["alertname", ...subject],
  },
  {
    name: "what becomes of a service that is down",
    source_matchers: ['alertname="ServiceDown"', 'service!=""'],
    target_matchers: ['alertname!~"ServiceDown|NodeDown|NodeNotReady"', 'severity=~"warning|info"'],
    equal: ["namespace", "service"],
  },
  {
    name: "what becomes of a node that is down",
    source_matchers: ['alertname=~"NodeDown|NodeNotReady"', 'node!=""'],
    target_matchers: ['alertname!~"NodeDown|NodeNotReady"'],
    equal: ["node"],
  },
  ...consequences.map(({ of, muted, same }) => ({
    name: `what follows from ${of}`,
    source_matchers: [`alertname="${of}"`, ...same.map((label) => `${label}!=""`)],
    target_matchers: [`alertname=~"${muted.join("|")}"`],
    equal: same,
  })),
];

function heartbeat(url: string) {
  return { name: deadMansSwitch, webhook_configs: [{ url, send_resolved: false }] };
}

const template = (name: string) => `{{ template "quorum.${name}" . }}`;

function integrations({ webhook, email, slack, pagerduty }: Receiver) {
  const send_resolved = true;
  return {
    ...(webhook && {
      webhook_configs: [
        {
          url: webhook.url,
          send_resolved,
          ...(webhook.bearerToken !== undefined && {
            http_config: { authorization: { credentials: webhook.bearerToken } },
          }),
        },
      ],
    }),
    ...(email && {
      email_configs: [
        {
          to: email.to,
          from: email.from,
          smarthost: email.smarthost,
          ...(email.username !== undefined && { auth_username: email.username, auth_password: email.password }),
          headers: { Subject: template("title") },
          text: template("mail"),
          html: "",
          send_resolved,
        },
      ],
    }),
    ...(slack && {
      slack_configs: [
        {
          api_url: slack.apiUrl,
          channel: slack.channel,
          title: template("title"),
          title_link: template("link"),
          text: template("text"),
          fallback: template("title"),
          color: template("color"),
          send_resolved,
        },
      ],
    }),
    ...(pagerduty && {
      pagerduty_configs: [
        {
          routing_key: pagerduty.routingKey,
          description: template("title"),
          severity: template("severity"),
          client: "quorum",
          client_url: template("link"),
          details: { alerts: template("text") },
          send_resolved,
        },
      ],
    }),
  };
}

/** Templates of the links, which are the stack's own; the rest of a message is data/alertmanager/messages.tmpl. */
export function linkTemplates({ externalUrl = "", runbooksUrl = "" }: MessageLinks): string {
  const before = runbooksUrl === "" || runbooksUrl.endsWith("/") ? runbooksUrl : `${runbooksUrl}/`;
  const link = externalUrl === "" ? "" : `${externalUrl.replace(/\/$/, "")}/#/alerts`;
  const define = (name: string, text: string) =>
    `{{ define "quorum.${name}" }}{{ ${JSON.stringify(text)} }}{{ end }}\n`;
  const mail = `{{ define "quorum.mail" }}${template("text")}${link === "" ? "" : `\n\n${template("link")}`}\n{{ end }}\n`;
  return `${define("runbooks", before)}${define("link", link)}${mail}`;
}

/** Hours for which it must be known what was sent: longer than until it is sent again. Alertmanager's own default is 120. */
export function retentionHours({ repeatHours }: Pick<AlertmanagerSettings, "repeatHours">): number {
  return Math.max(120, 2 * repeatHours);
}
