import { describe, expect, it } from "vitest";
import {
  alertmanagerProblems,
  alertmanagerWarnings,
  type AlertmanagerWanted,
} from "../../../components/plan/monitoring/alertmanager-checks.ts";

type Settings = AlertmanagerWanted["alertmanager"];
type Receiver = Settings["receivers"][string];

const pager: Receiver = { pagerduty: { routingKey: "k" } };
const usual: Settings = {
  enabled: true,
  unattended: false,
  receivers: { pager },
  deadMansSwitch: { url: "https://dms.example.com/x" },
  groupIntervalSeconds: 300,
  repeatHours: 12,
};
const real = { platform: "owned", local: false, complete: false, services: ["pager", "shop"] } as const;
const wanted = (alertmanager: Partial<Settings>, prometheus = true): AlertmanagerWanted => ({
  prometheus: { enabled: prometheus },
  alertmanager: { ...usual, ...alertmanager },
});
const problems = (alertmanager: Partial<Settings>, around: object = {}, prometheus = true) =>
  alertmanagerProblems(wanted(alertmanager, prometheus), { ...real, ...around }).map(
    ({ key, text }) => `${key.replace("quorum:monitoring.alertmanager.", "")} ${text}`,
  );
/** Beside one that hears everything. */
const of = (receiver: Receiver, around: object = {}) => problems({ receivers: { pager, one: receiver } }, around);

describe("a receiver", () => {
  it.each<[string, Receiver]>([
    ["a webhook of its own", { webhook: { url: "http://bot.example.com:8080/x", bearerToken: "t" } }],
    ["a service of the stack", { webhook: { call: "pager/alerts" } }],
    ["a mailbox behind no password", { email: { smarthost: "smtp.example.com:25" } }],
    ["a mailbox", { email: { smarthost: "smtp.example.com:587", username: "u", password: "p" } }],
    ["a channel", { slack: { apiUrl: "https://hooks.example.com/x" }, severities: ["info"] }],
    ["a pager", pager],
  ])("may be %s", (_what, receiver) => {
    expect(of(receiver)).toEqual([]);
  });

  it.each<[string, Receiver, string]>([
    [
      "no kind",
      { severities: ["critical"] },
      "receivers.one has no kind, but it must have exactly one of webhook, email, slack and pagerduty; set one",
    ],
    [
      "two kinds",
      { ...pager, slack: { apiUrl: "https://hooks.example.com/x" } },
      "receivers.one has slack and pagerduty, but it must have exactly one of webhook, email, slack and pagerduty; make a receiver of each",
    ],
    [
      "no severity",
      { ...pager, severities: [] },
      "receivers.one.severities is an empty list, but it must have one of critical, warning and info; leave it out for all of them",
    ],
    [
      "a webhook without an address",
      { webhook: { bearerToken: "t" } },
      "receivers.one.webhook has no address, but it must have url or call; set one of them",
    ],
    [
      "a webhook with two",
      { webhook: { url: "https://bot.example.com", call: "pager/x" } },
      'receivers.one.webhook.call is "pager/x", but url is set too; leave out one of them',
    ],
    [
      "a call of a service that there is not",
      { webhook: { call: "pagr/x" } },
      'receivers.one.webhook.call is "pagr/x", but there is no service "pagr"; did you mean pager?',
    ],
    [
      "a call of a service like none",
      { webhook: { call: "somewhere/x" } },
      'receivers.one.webhook.call is "somewhere/x", but there is no service "somewhere"; declare it in quorum:services',
    ],
    [
      "a port that there is not",
      { webhook: { url: "https://bot.example.com:99999/secret" } },
      "receivers.one.webhook.url is no URL, but it must be one; set it, for example to https://alerts.example.com/hook",
    ],
    [
      "a URL that is a template",
      { slack: { apiUrl: "https://hooks.example.com/{{secret}}" } },
      "receivers.one.slack.apiUrl is no URL, but it must be one; set it, for example to https://alerts.example.com/hook",
    ],
    [
      "a user without a password",
      { email: { smarthost: "smtp.example.com:587", username: "u" } },
      "receivers.one.email.password is missing, but username is set and means nothing alone; set both or neither",
    ],
    [
      "a password without a user",
      { email: { smarthost: "smtp.example.com:587", password: "p" } },
      "receivers.one.email.username is missing, but password is set and means nothing alone; set both or neither",
    ],
    [
      "a mail server at no port",
      { email: { smarthost: "smtp.example.com:70000" } },
      'receivers.one.email.smarthost is "smtp.example.com:70000", but its port must be from 1 to 65535; set it, for example to 587',
    ],
  ])("is refused with %s", (_what, receiver, problem) => {
    expect(of(receiver)).toEqual([problem]);
  });

  it.each<[string, Receiver]>([
    ["webhook.url", { webhook: { url: "unset:a" } }],
    ["webhook.bearerToken", { webhook: { url: "https://bot.example.com", bearerToken: "unset:a" } }],
    ["email.password", { email: { smarthost: "smtp.example.com:587", username: "u", password: "unset:a" } }],
    ["slack.apiUrl", { slack: { apiUrl: "unset:a" } }],
    ["pagerduty.routingKey", { pagerduty: { routingKey: "unset:a" } }],
  ])("without its secret %s may be rendered, and goes nowhere", (place, receiver) => {
    expect(of(receiver)).toEqual([]);
    expect(of(receiver, { complete: true })).toEqual([
      `receivers.one.${place} is not set, but nobody can be told without it; set the secret`,
    ]);
  });
});

describe("the dead man's switch", () => {
  it("has one address, that there is", () => {
    expect(problems({ deadMansSwitch: {} })).toEqual([
      "deadMansSwitch has no address, but it must have url or call; set one of them",
    ]);
    expect(problems({ deadMansSwitch: { url: "https://a.example.com", call: "shop/x" } })).toEqual([
      'deadMansSwitch.call is "shop/x", but url is set too; leave out one of them',
    ]);
    expect(problems({ deadMansSwitch: { url: "unset:a" } }, { complete: true })).toEqual([
      "deadMansSwitch.url is not set, but nobody can be told without it; set the secret",
    ]);
  });
});

describe("the time between two messages", () => {
  it("is at most that until the next of what still fires", () => {
    expect(problems({ groupIntervalSeconds: 3600, repeatHours: 1 })).toEqual([]);
    expect(problems({ groupIntervalSeconds: 3601, repeatHours: 1 })).toEqual([
      "groupIntervalSeconds is 3601, but it must be at most the 3600 of repeatHours; set it lower",
    ]);
  });
});

describe("a stack that nobody hears", () => {
  const refused: [string, Partial<Settings>, string][] = [
    [
      "has no Alertmanager",
      { enabled: false },
      "enabled is false, but alerts must reach somebody; leave it out, or set unattended: true where nobody need be told",
    ],
    [
      "has no receiver",
      { receivers: {} },
      "receivers is empty, but alerts must reach somebody; add a receiver, for example oncall: {webhook: {url: https://alerts.example.com/hook}}, or set unattended: true where nobody need be told",
    ],
    [
      "has none for what is critical",
      { receivers: { team: { ...pager, severities: ["warning", "info"] } } },
      "receivers has team, but none takes severity critical, and critical alerts must reach somebody; add critical to the severities of one",
    ],
  ];
  it.each(refused)("is refused: it %s", (_what, settings, problem) => {
    expect(problems(settings)).toEqual([problem]);
  });

  it.each(refused)(
    "is let be on hosts of this machine, on a cluster of others, without Prometheus, and when it says so: it %s",
    (_what, settings) => {
      expect(problems({ ...settings, unattended: true })).toEqual([]);
      expect(problems(settings, { local: true })).toEqual([]);
      expect(problems(settings, { platform: "shared" })).toEqual([]);
      expect(problems(settings, {}, false)).toEqual([]);
    },
  );
});

describe("what is warned of", () => {
  const warnings = (alertmanager: Partial<Settings>, around: object = {}) =>
    alertmanagerWarnings(wanted(alertmanager), { ...real, ...around });
  const missing =
    "quorum:monitoring.alertmanager.deadMansSwitch is missing: when the monitoring itself is down, nobody is told";
  const unheard =
    "quorum:monitoring.alertmanager.receivers: nobody is told of alerts with severity warning and info; they show on Alertmanager's page only";

  it("is a missing dead man's switch, and severities that nobody takes", () => {
    expect(warnings({})).toEqual([]);
    expect(warnings({ deadMansSwitch: undefined })).toEqual([missing]);
    expect(warnings({ receivers: { pager: { ...pager, severities: ["critical"] } } })).toEqual([unheard]);
  });

  it("is nothing where nobody need be told", () => {
    expect(warnings({ deadMansSwitch: undefined }, { local: true })).toEqual([]);
    expect(warnings({ deadMansSwitch: undefined }, { platform: "shared" })).toEqual([]);
  });
});
