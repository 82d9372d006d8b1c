import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { shippedRules } from "../../../components/monitoring/alert-rules.ts";
import {
  alertmanagerConfig,
  alertmanagerFiles,
  type AlertmanagerSettings,
  consequences,
  linkTemplates,
  type Receiver,
  retentionHours,
  severities,
  watchdog,
} from "../../../components/plan/monitoring/alertmanager-config.ts";
import { ruleGroups } from "../../../components/plan/monitoring/rule-files.ts";
import { binaryPath } from "../../../local/toolchain.ts";
import { temporaryFolder } from "../../engine/programs.ts";

const amtool = binaryPath("alertmanager", "amtool");
const messages = join(import.meta.dirname, "../../../data/alertmanager/messages.tmpl");

const usual: AlertmanagerSettings = {
  receivers: {},
  groupWaitSeconds: 30,
  groupIntervalSeconds: 300,
  repeatHours: 12,
};
const everyKind: Record<string, Receiver> = {
  bot: { webhook: { url: "https://bot.example.com/x", bearerToken: `t"o: '{k}\\en` } },
  mailbox: {
    severities: ["warning"],
    email: {
      to: "oncall@example.com",
      from: "alerts@example.com",
      smarthost: "smtp.example.com:587",
      username: "alerts",
      password: "#p: ass",
    },
  },
  team: {
    severities: ["critical", "warning"],
    slack: { apiUrl: "https://hooks.example.com/s", channel: "#alerts" },
  },
  pager: { severities: ["critical"], pagerduty: { routingKey: "0123456789abcdef" } },
};
const deadMansSwitch = { url: "https://dms.example.com/x", intervalSeconds: 60 };
const whole = { ...usual, receivers: everyKind, deadMansSwitch };

interface Route {
  readonly receiver: string;
  readonly matchers?: readonly string[];
  readonly continue?: boolean;
  readonly [field: string]: unknown;
}
interface Inhibition {
  readonly source_matchers: readonly string[];
  readonly target_matchers: readonly string[];
  readonly equal: readonly string[];
}
interface Written {
  readonly route: Route & { readonly routes: readonly Route[] };
  readonly inhibit_rules: readonly Inhibition[];
  readonly receivers: readonly { readonly name: string; readonly [kind: string]: unknown }[];
}
type Labels = Readonly<Record<string, string>>;

const written = (settings: AlertmanagerSettings) => parse(alertmanagerConfig(settings)) as Written;

/** As Alertmanager reads a matcher; a label that is missing is an empty one. */
function matches(labels: Labels, matcher: string): boolean {
  const [, name = "", operator, value = ""] = /^(\w+)(=~|!~|!=|=)"(.*)"$/.exec(matcher) ?? [];
  if (operator === undefined) throw new Error(`${matcher} is no matcher`);
  const found = labels[name] ?? "";
  const same = operator.includes("~") ? new RegExp(`^(?:${value})$`).test(found) : found === value;
  return operator.startsWith("!") ? !same : same;
}

/** Who is told of an alert. */
function told(settings: AlertmanagerSettings, labels: Labels): string[] {
  const { route } = written(settings);
  const receivers: string[] = [];
  for (const one of route.routes) {
    if (!(one.matchers ?? []).every((matcher) => matches(labels, matcher))) continue;
    receivers.push(one.receiver);
    if (one.continue !== true) return receivers;
  }
  return receivers.length === 0 ? [route.receiver] : receivers;
}

function mutes(source: Labels, target: Labels): boolean {
  return written(usual).inhibit_rules.some(
    (rule) =>
      rule.source_matchers.every((matcher) => matches(source, matcher)) &&
      rule.target_matchers.every((matcher) => matches(target, matcher)) &&
      rule.equal.every((label) => (source[label] ?? "") === (target[label] ?? "")),
  );
}

describe("who is told", () => {
  it.each([
    ["critical", ["bot", "team", "pager"]],
    ["warning", ["bot", "mailbox", "team"]],
    ["info", ["bot"]],
    // Of none of our severities: whoever takes the worst.
    ["page", ["bot", "team", "pager"]],
    ["", ["bot", "team", "pager"]],
  ])('of severity "%s": %j', (severity, receivers) => {
    expect(told(whole, { alertname: "A", severity })).toEqual(receivers);
  });

  it("of the Watchdog is the dead man's switch alone, each interval, and never that it ended", () => {
    expect(told(whole, { alertname: watchdog, severity: "info" })).toEqual(["DeadMansSwitch"]);
    const { route, receivers } = written(whole);
    expect(route.routes[0]).toMatchObject({ group_wait: "0s", group_interval: "30s", repeat_interval: "45s" });
    expect(receivers.find(({ name }) => name === "DeadMansSwitch")).toEqual({
      name: "DeadMansSwitch",
      webhook_configs: [{ url: deadMansSwitch.url, send_resolved: false }],
    });
  });

  it("of the Watchdog without a dead man's switch is nobody", () => {
    expect(told({ ...whole, deadMansSwitch: undefined }, { alertname: watchdog, severity: "info" })).toEqual([
      "Nobody",
    ]);
  });

  const receiver = fc.record({
    severities: fc.option(fc.subarray([...severities], { minLength: 1 }), { nil: undefined }),
  });
  const receivers = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/), receiver, { minKeys: 1 });
  it("is everybody who takes its severity, and nobody else", () => {
    fc.assert(
      fc.property(receivers, fc.constantFrom(...severities), (some, severity) => {
        const wanting = Object.keys(some).filter((name) => some[name]?.severities?.includes(severity) ?? true);
        const got = told({ ...usual, receivers: some }, { alertname: "A", severity });
        expect(got).toEqual(wanting.length === 0 ? ["Nobody"] : wanting);
      }),
    );
  });

  it("is somebody that there is", () => {
    const { route, receivers: known } = written(whole);
    const names = known.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining([route.receiver, ...route.routes.map((one) => one.receiver)]));
  });
});

describe("the heartbeat", () => {
  it("is due at the second end of a group interval after the one before, never at the first", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 86_400 }), (intervalSeconds) => {
        const [route] = written({ ...whole, deadMansSwitch: { ...deadMansSwitch, intervalSeconds } }).route.routes;
        const group = Number.parseInt(String(route?.["group_interval"]));
        const repeat = Number.parseInt(String(route?.["repeat_interval"]));
        expect(group).toBeGreaterThan(0);
        expect(group).toBeLessThan(repeat);
        expect(repeat).toBeLessThan(2 * group);
        expect(2 * group).toBeLessThanOrEqual(intervalSeconds);
      }),
    );
  });
});

describe("what was sent", () => {
  it.each([
    [1, 120],
    [12, 120],
    [720, 1440],
  ])("is known for longer than until it is sent again: %i h: %i h", (repeatHours, hours) => {
    expect(retentionHours({ repeatHours })).toBe(hours);
  });
});

describe("each kind of receiver", () => {
  const of = (name: string) => written(whole).receivers.find((receiver) => receiver.name === name);

  it("is told of the end too", () => {
    for (const name of Object.keys(everyKind)) {
      const configs = Object.values(of(name) ?? {}).flatMap((value) => (Array.isArray(value) ? value : [])) as object[];
      expect(configs, name).toHaveLength(1);
      expect(configs[0], name).toMatchObject({ send_resolved: true });
    }
  });

  it("has its secrets as they were given", () => {
    expect(of("bot")).toMatchObject({
      webhook_configs: [
        { url: "https://bot.example.com/x", http_config: { authorization: { credentials: `t"o: '{k}\\en` } } },
      ],
    });
    expect(of("mailbox")).toMatchObject({ email_configs: [{ auth_username: "alerts", auth_password: "#p: ass" }] });
    expect(of("team")).toMatchObject({
      slack_configs: [{ api_url: "https://hooks.example.com/s", channel: "#alerts" }],
    });
    expect(of("pager")).toMatchObject({ pagerduty_configs: [{ routing_key: "0123456789abcdef" }] });
  });
});

describe("what is not said while something else is", () => {
  const shop = { namespace: "apps", service: "shop" };
  it.each<[string, Labels, Labels, boolean]>([
    [
      "a warning while the same alert is critical",
      { alertname: "ServiceErrorsHigh", severity: "critical", ...shop },
      { alertname: "ServiceErrorsHigh", severity: "warning", ...shop },
      true,
    ],
    [
      "the same of another service",
      { alertname: "ServiceErrorsHigh", severity: "critical", ...shop },
      { alertname: "ServiceErrorsHigh", severity: "warning", namespace: "apps", service: "cart" },
      false,
    ],
    [
      "one disk of a node while another is full",
      { alertname: "NodeFilesystemAlmostFull", severity: "critical", node: "a", mountpoint: "/", device: "sda1" },
      { alertname: "NodeFilesystemAlmostFull", severity: "warning", node: "a", mountpoint: "/var", device: "sdb1" },
      false,
    ],
    [
      "that a service is slow while it is down",
      { alertname: "ServiceDown", severity: "critical", ...shop },
      { alertname: "ServiceSlow", severity: "warning", ...shop },
      true,
    ],
    [
      "that nothing is said of a service, to what has none",
      { alertname: "ServiceDown", severity: "critical", namespace: "apps" },
      { alertname: "QuotaFull", severity: "warning", namespace: "apps" },
      false,
    ],
    [
      "a pod of a node that is down",
      { alertname: "NodeDown", severity: "critical", node: "a" },
      { alertname: "PodNotReady", severity: "warning", namespace: "apps", pod: "shop-1", node: "a" },
      true,
    ],
    [
      "a pod of another node",
      { alertname: "NodeDown", severity: "critical", node: "a" },
      { alertname: "PodNotReady", severity: "warning", namespace: "apps", pod: "shop-1", node: "b" },
      false,
    ],
    [
      "what is about no node while one is down",
      { alertname: "NodeDown", severity: "critical", node: "a" },
      { alertname: "ServiceDown", severity: "critical", ...shop },
      false,
    ],
    [
      "that a node is not ready while it is down",
      { alertname: "NodeDown", severity: "critical", node: "a" },
      { alertname: "NodeNotReady", severity: "critical", node: "a" },
      true,
    ],
    [
      "that a node is down while it is not ready: one of them has to be said",
      { alertname: "NodeNotReady", severity: "critical", node: "a" },
      { alertname: "NodeDown", severity: "critical", node: "a" },
      false,
    ],
    [
      "that a pod is not ready while it crashes",
      { alertname: "PodCrashLooping", severity: "warning", namespace: "apps", pod: "shop-1", container: "shop" },
      { alertname: "PodNotReady", severity: "warning", namespace: "apps", pod: "shop-1" },
      true,
    ],
  ])("%s", (_what, source, target, muted) => {
    expect(mutes(source, target)).toBe(muted);
  });

  it("leaves one of any set of alerts to be said: nothing mutes itself, and no two each other", () => {
    const label = fc.constantFrom("a", "b", "");
    const names = [...new Set(["ServiceDown", "NodeDown", ...consequences.flatMap(({ of, muted }) => [of, ...muted])])];
    const alert = fc.record({
      alertname: fc.constantFrom(...names),
      severity: fc.constantFrom(...severities),
      namespace: label,
      service: label,
      pod: label,
      node: label,
    });
    fc.assert(
      fc.property(alert, alert, (one, other) => {
        expect(mutes(one, one)).toBe(false);
        expect(mutes(one, other) && mutes(other, one)).toBe(false);
      }),
    );
  });

  it("is about alerts that there are", () => {
    const shipped = shippedRules()
      .files.flatMap(ruleGroups)
      .flatMap(({ rules }) => rules.flatMap((rule) => ("alert" in rule ? [rule.alert] : [])));
    const named = [
      ...consequences.flatMap(({ of, muted }) => [of, ...muted]),
      ...["ServiceDown", "NodeDown", "NodeNotReady", watchdog],
    ];
    expect(named.filter((name) => !shipped.includes(name))).toEqual([]);
  });
});

describe("the links of messages", () => {
  it("lead nowhere where nobody knows whither", () => {
    expect(linkTemplates({})).toContain('{{ define "quorum.link" }}{{ "" }}{{ end }}');
    expect(linkTemplates({})).toContain('{{ define "quorum.runbooks" }}{{ "" }}{{ end }}');
  });

  it.each(["https://git.example.com/x", "https://git.example.com/x/"])(
    "put %s before a runbook's path",
    (runbooksUrl) => {
      expect(linkTemplates({ runbooksUrl })).toContain('"quorum.runbooks" }}{{ "https://git.example.com/x/" }}');
    },
  );

  it.each(["https://alerts.example.com", "https://alerts.example.com/"])("lead to the alerts of %s", (externalUrl) => {
    expect(linkTemplates({ externalUrl })).toContain('"quorum.link" }}{{ "https://alerts.example.com/#/alerts" }}');
  });
});

// Left out until the local run has built amtool: building it takes a minute, and unit tests take seconds.
describe.skipIf(!existsSync(amtool))("amtool", () => {
  const run = (args: readonly string[]) => execFileSync(amtool, args, { stdio: "pipe", encoding: "utf8" });

  /** The configuration as the pod has it, in a folder of this machine's. */
  function folderOf(settings: AlertmanagerSettings, links = {}): { config: string; templates: string } {
    const folder = temporaryFolder();
    const config = join(folder, alertmanagerFiles.config);
    writeFileSync(config, alertmanagerConfig(settings).replace(alertmanagerFiles.folder, folder));
    copyFileSync(messages, join(folder, alertmanagerFiles.messages));
    writeFileSync(join(folder, alertmanagerFiles.links), linkTemplates(links));
    return { config, templates: join(folder, "*.tmpl") };
  }

  it.each<[string, AlertmanagerSettings]>([
    ["nobody", usual],
    ["everybody", whole],
    ["a switch alone, as often as can be", { ...usual, deadMansSwitch: { ...deadMansSwitch, intervalSeconds: 10 } }],
  ])("accepts a configuration that tells %s", (_who, settings) => {
    const { config } = folderOf(settings);
    expect(run(["check-config", config])).toMatch(/- \d+ inhibit rules[\s\S]*SUCCESS/);
  });

  it.each(["critical", "warning", "info", "page"])("routes %s as these tests do", (severity) => {
    const { config } = folderOf(whole);
    const answer = run(["config", "routes", "test", `--config.file=${config}`, "alertname=A", `severity=${severity}`]);
    expect(answer.trim().split(",")).toEqual(told(whole, { alertname: "A", severity }));
  });

  const pod = (name: string, more: object = {}) => ({
    status: "firing",
    labels: { alertname: "ServiceDown" },
    annotations: { summary: `${name} is down`, description: "Why.", runbook_url: "docs/runbooks/service-down.md" },
    startsAt: "2026-01-01T10:00:00Z",
    endsAt: "0001-01-01T00:00:00Z",
    ...more,
  });
  const over = { status: "resolved", endsAt: "2026-01-01T11:00:00Z" };

  /** What a template makes of alerts. */
  function said(template: string, status: string, labels: Labels, alerts: readonly object[]): string {
    const links = { externalUrl: "https://alerts.example.com", runbooksUrl: "https://git.example.com/x" };
    const { templates } = folderOf(usual, links);
    const data = join(temporaryFolder(), "data.json");
    const common = { groupLabels: labels, commonLabels: labels, commonAnnotations: {}, externalURL: "http://x" };
    writeFileSync(data, JSON.stringify({ receiver: "team", status, ...common, alerts }));
    const text = `--template.text={{ template "quorum.${template}" . }}`;
    return run(["template", "render", `--template.glob=${templates}`, `--template.data=${data}`, text]);
  }

  const labels = { alertname: "ServiceDown", severity: "critical", namespace: "apps", service: "shop" };
  it("says what fires, why, since when, and what to read", () => {
    expect(said("text", "firing", labels, [pod("a"), pod("b"), pod("c", over)])).toBe(
      [
        "a is down",
        "Why.",
        "Runbook: https://git.example.com/x/docs/runbooks/service-down.md",
        "Since 2026-01-01 10:00:00 UTC",
        "",
        "b is down",
        "Why.",
        "Runbook: https://git.example.com/x/docs/runbooks/service-down.md",
        "Since 2026-01-01 10:00:00 UTC",
        "",
        "No longer:",
        "- c is down, 2026-01-01 10:00:00 to 11:00:00 UTC",
      ].join("\n"),
    );
  });

  it("says what has ended, and in a mail where to look", () => {
    expect(said("mail", "resolved", labels, [pod("a", over)])).toBe(
      "No longer:\n- a is down, 2026-01-01 10:00:00 to 11:00:00 UTC\n\nhttps://alerts.example.com/#/alerts\n",
    );
  });

  it.each<[string, string, Labels, number]>([
    ["CRITICAL ServiceDown in apps/shop (2 times)", "firing", labels, 2],
    ["RESOLVED ServiceDown in apps/shop", "resolved", labels, 0],
    ["WARNING NodePressure", "firing", { alertname: "NodePressure", severity: "warning" }, 1],
    ["ALERT Own in apps", "firing", { alertname: "Own", namespace: "apps" }, 1],
  ])("has the title %s", (title, status, of, firing) => {
    const alerts = status === "resolved" ? [pod("a", over)] : Array.from({ length: firing }, () => pod("a"));
    expect(said("title", status, of, alerts)).toBe(title);
  });

  it.each([
    ["critical", "critical", "danger"],
    ["warning", "warning", "warning"],
    ["info", "info", "#439fe0"],
    ["page", "critical", "danger"],
  ])("shows severity %s as %s, in the colour %s", (severity, shown, color) => {
    const of = { alertname: "A", severity };
    expect(said("severity", "firing", of, [pod("a")])).toBe(shown);
    expect(said("color", "firing", of, [pod("a")])).toBe(color);
    expect(said("color", "resolved", of, [pod("a", over)])).toBe("good");
  });
});
