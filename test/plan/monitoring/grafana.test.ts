import { describe, expect, it } from "vitest";
import { grafanaFiles, type GrafanaSettings } from "../../../components/plan/monitoring/grafana.ts";
import { planDashboards } from "../../../components/plan/monitoring/dashboards.ts";

const settings: GrafanaSettings = {
  anonymousViewers: false,
  datasources: { prometheus: "http://prometheus:9090" },
  scrapeIntervalSeconds: 15,
  folders: [],
};
const all = {
  prometheus: "http://prometheus:9090",
  loki: "http://loki:3100",
  zipkin: "http://zipkin:9411",
  alertmanager: "http://alertmanager:9093",
};
const signIn = {
  issuerUrl: "https://id.example.com",
  clientId: "quorum",
  authUrl: "https://id.example.com/auth",
  tokenUrl: "https://id.example.com/token",
  apiUrl: "https://id.example.com/me",
  scopes: ["openid", "email"],
  groups: ["team-shop"],
  admins: ["ops"],
};

/** A section of grafana.ini. */
function section(name: string, more: Partial<GrafanaSettings> = {}): Record<string, string> {
  const text = grafanaFiles({ ...settings, ...more })["grafana.ini"] ?? "";
  const found = text.split(/^(?=\[)/m).find((part) => part.startsWith(`[${name}]`)) ?? "";
  const pairs = [...found.matchAll(/^(\w+) = (.*)$/gm)].map(([, key = "", value = ""]) => [key, value] as const);
  return Object.fromEntries(pairs);
}

interface Source {
  readonly uid: string;
  readonly url: string;
  readonly isDefault: boolean;
  readonly jsonData: Record<string, unknown>;
}
function sources(datasources: GrafanaSettings["datasources"]): Source[] {
  const text = grafanaFiles({ ...settings, datasources })["provisioning/datasources/datasources.yaml"] ?? "";
  return (JSON.parse(text) as { datasources: Source[] }).datasources;
}

describe("Grafana's settings", () => {
  it("take secrets from files, and let nobody look who has not signed in", () => {
    expect(section("security")).toMatchObject({
      admin_password: "$__file{/etc/grafana-secrets/admin-password}",
      secret_key: "$__file{/etc/grafana-secrets/secret-key}",
      disable_gravatar: "true",
    });
    expect(section("auth.anonymous")).toMatchObject({ enabled: "false" });
    expect(section("auth.anonymous", { anonymousViewers: true })).toMatchObject({
      enabled: "true",
      org_role: "Viewer",
    });
  });

  it("call nobody outside, and share nothing with it", () => {
    expect(section("analytics")).toEqual({
      reporting_enabled: "false",
      check_for_updates: "false",
      check_for_plugin_updates: "false",
      feedback_links_enabled: "false",
    });
    expect(section("plugins")).toMatchObject({ preinstall_disabled: "true", plugin_admin_enabled: "false" });
    expect(section("snapshots")).toEqual({ enabled: "false", external_enabled: "false" });
    expect(section("public_dashboards")).toEqual({ enabled: "false" });
  });

  it("know the address that people use, and send cookies over TLS alone where it has TLS", () => {
    expect(section("server")).toEqual({ http_port: "3000" });
    expect(section("security")["cookie_secure"]).toBe("false");
    const url = "https://grafana.example.com";
    expect(section("server", { url })["root_url"]).toBe("https://grafana.example.com/");
    expect(section("security", { url })).toMatchObject({ cookie_secure: "true", strict_transport_security: "true" });
    expect(section("security", { url: "http://localhost:3000" })["cookie_secure"]).toBe("false");
  });

  it("sign people in by the provider, with roles by their groups", () => {
    expect(section("auth.generic_oauth")).toEqual({});
    expect(section("auth.generic_oauth", { signIn })).toMatchObject({
      enabled: "true",
      client_id: "quorum",
      client_secret: "$__file{/etc/grafana-secrets/client-secret}",
      scopes: "openid email",
      auth_url: "https://id.example.com/auth",
      token_url: "https://id.example.com/token",
      api_url: "https://id.example.com/me",
      use_pkce: "true",
      role_attribute_path: "contains(groups[*], 'ops') && 'Admin' || contains(groups[*], 'team-shop') && 'Viewer'",
      role_attribute_strict: "true",
    });
    const open = section("auth.generic_oauth", { signIn: { ...signIn, groups: [], caCertificate: "x" } });
    expect(open).toMatchObject({ role_attribute_strict: "false", tls_client_ca: "/etc/grafana/ca.crt" });
  });
});

describe("datasources", () => {
  it("are those that the stack has, under the uids that dashboards name", () => {
    expect(sources(all).map(({ uid, url, isDefault }) => [uid, url, isDefault])).toEqual([
      ["prometheus", "http://prometheus:9090", true],
      ["loki", "http://loki:3100", false],
      ["zipkin", "http://zipkin:9411", false],
      ["alertmanager", "http://alertmanager:9093", false],
    ]);
    expect(sources({ loki: all.loki }).map(({ uid }) => uid)).toEqual(["loki"]);
  });

  it("lead from a log line to its trace and from a trace to its lines, where there are both", () => {
    const [, loki, zipkin] = sources(all);
    expect(loki?.jsonData["derivedFields"]).toMatchObject([
      { matcherType: "label", matcherRegex: "trace_id", datasourceUid: "zipkin", url: "$${__value.raw}" },
    ]);
    expect(zipkin?.jsonData["tracesToLogsV2"]).toMatchObject({
      datasourceUid: "loki",
      query: '{source=~".+"} | trace_id="$${__trace.traceId}"',
    });
    expect(sources({ loki: all.loki })[0]?.jsonData).not.toHaveProperty("derivedFields");
    expect(sources({ zipkin: all.zipkin })[0]?.jsonData).not.toHaveProperty("tracesToLogsV2");
  });
});

describe("dashboards", () => {
  it("are read again from their folder, which has a uid that stays", () => {
    const text = JSON.stringify({ uid: "a", title: "A" });
    const folders = planDashboards([{ file: "a.json", folder: "own", text }]);
    const files = grafanaFiles({ ...settings, folders });
    const { providers } = JSON.parse(files["provisioning/dashboards/dashboards.yaml"] ?? "") as { providers: object[] };
    expect(providers).toMatchObject([
      {
        folder: "Own",
        folderUid: "own",
        type: "file",
        updateIntervalSeconds: 15,
        options: { path: "/etc/grafana-dashboards/own" },
      },
    ]);
  });
});
