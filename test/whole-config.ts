import type { Sections } from "./stacks.ts";

const pem = (what: string) => `-----BEGIN ${what}-----\nQUJD\n-----END ${what}-----\n`;
const quota = { pods: 400, cpuMillis: 900_000, memoryMiB: 900_000, storageGiB: 9000, loadBalancers: 9 };

/** A stack's sections with every section and nearly every key of the configuration in use, so that a mutation can reach them. */
export function wholeConfig(base: Sections): Sections {
  const common = {
    image: "app",
    role: "web",
    resources: { cpuMillis: 50, cpuLimitMillis: 900, memoryMiB: 64, ephemeralMiB: 128 },
  };
  return {
    ...base,
    services: {
      ...base["services"],
      shop: {
        ...common,
        autoscale: { minReplicas: 2, maxReplicas: 5, cpuPercent: 60, memoryPercent: 80, scaleInSeconds: 120 },
        port: 8081,
        servicePort: 8000,
        affinitySeconds: 600,
        calls: ["ledger"],
        outbound: [{ subnet: "198.51.100.0/24", port: 443, protocol: "TCP" }],
        ingress: {
          hostname: "shop.example.com",
          path: "/shop",
          tls: { secretName: "shop-certificate" },
        },
        scrape: true,
        type: "business",
        env: { GREETING: "hello" },
        config: { "a.txt": "text" },
        secrets: {
          env: { TOKEN: "t0ken" },
          files: { "key.txt": "key" },
          generated: { DB_PASSWORD: "shop-database/password" },
        },
        priority: "critical",
        placement: {
          nodeSelector: { zone: "a" },
          tolerations: [{ key: "dedicated", value: "batch", effect: "NoSchedule" }],
          spreadHosts: "soft",
          spreadZones: "off",
        },
        progressSeconds: 200,
        rollback: true,
        probes: {
          readinessPath: "/ready",
          livenessPath: "/alive",
          periodSeconds: 7,
          timeoutSeconds: 2,
          startupSeconds: 40,
        },
        gracePeriodSeconds: 45,
      },
      ledger: {
        ...common,
        kind: "StatefulSet",
        replicas: 3,
        volumes: {
          data: { mountPath: "/var/lib/ledger", storageGiB: 3, className: "fast", retain: true, backup: true },
        },
      },
      agent: { ...common, kind: "DaemonSet", priority: "batch", scrape: false },
    },
    jobs: {
      ...base["jobs"],
      report: {
        image: "app",
        command: ["node", "report.js"],
        env: { LEVEL: "all" },
        schedule: "5 4 * * *",
        timeZone: "Europe/Berlin",
        calls: ["shop"],
        outbound: [{ subnet: "203.0.113.0/24", port: 25, protocol: "TCP" }],
        suspend: true,
        startingDeadlineSeconds: 300,
        activeDeadlineSeconds: 900,
        backoffLimit: 2,
        ttlSeconds: 9000,
        history: { successful: 2, failed: 4 },
        resources: { cpuMillis: 20, memoryMiB: 32 },
      },
    },
    security: {
      quota: { apps: quota, monitoring: quota },
      access: { viewers: ["team-a"], developers: ["team-b"], operators: ["team-c"] },
      exemptNamespaces: ["istio-system"],
      signatures: { publicKey: pem("PUBLIC KEY") },
      generatedSecrets: { "shop-database": { namespace: "apps", keys: ["password", "user"], length: 40 } },
    },
    storage: { ...base["storage"] },
    backup: {
      repository: "s3:https://s3.example.com/backups",
      password: "correct horse",
      environment: { AWS_ACCESS_KEY_ID: "id" },
      caCertificate: pem("CERTIFICATE"),
      outbound: { subnet: "192.0.2.0/24", port: 9443 },
      schedule: "17 2 * * *",
      timeZone: "Europe/Berlin",
      keep: { last: 2, daily: 5, weekly: 3, monthly: 4 },
      checkPercent: 7,
    },
    ingress: {
      controller: "traefik",
      className: "traefik",
      replicas: 3,
      expose: { httpPort: 8080, httpsPort: 443 },
    },
    ui: { headlamp: { enabled: true, expose: { port: 9999 } } },
    monitoring: {
      ...base["monitoring"],
      prometheus: {
        ...(base["monitoring"]?.["prometheus"] as object | undefined),
        storageGiB: 60,
        memoryMiB: 2048,
        ingress: {
          hostname: "prometheus.example.com",
          tls: { secretName: "watch-certificate", issuer: "letsencrypt" },
        },
      },
      alertmanager: {
        expose: { port: 9093 },
        replicas: 2,
        storageGiB: 2,
        receivers: {
          bot: {
            webhook: { url: "https://bot.example.com/x", bearerToken: "t0ken" },
            severities: ["critical", "info"],
          },
          own: { webhook: { call: "shop/alerts" } },
          mailbox: {
            email: {
              to: "oncall@example.com",
              from: "alerts@example.com",
              smarthost: "smtp.example.com:587",
              username: "alerts",
              password: "correct horse",
            },
          },
          chat: { slack: { apiUrl: "https://hooks.example.com/x", channel: "#alerts" } },
          pager: { pagerduty: { routingKey: "0123456789abcdef" } },
        },
        deadMansSwitch: { call: "shop/heartbeat", intervalSeconds: 90 },
        groupWaitSeconds: 10,
        groupIntervalSeconds: 200,
        repeatHours: 5,
        runbooksUrl: "https://git.example.com/quorum",
        outbound: [{ subnet: "192.0.2.0/24", port: 443 }],
        cpuMillis: 30,
        memoryMiB: 80,
      },
      grafana: {
        ...(base["monitoring"]?.["grafana"] as object | undefined),
        dashboards: ["test/fixtures/dashboards/shop.json"],
        anonymousViewers: true,
        ingress: { hostname: "grafana.example.com", tls: {} },
      },
      signIn: {
        issuerUrl: "https://id.example.com",
        clientId: "quorum",
        clientSecret: "correct horse",
        authUrl: "https://id.example.com/authorize",
        tokenUrl: "https://id.example.com/token",
        apiUrl: "https://id.example.com/userinfo",
        scopes: ["openid", "groups"],
        groups: ["team-shop"],
        admins: ["team-platform"],
        caCertificate: pem("CERTIFICATE"),
        replicas: 2,
        outbound: { subnet: "192.0.2.0/24", port: 443 },
      },
      tls: { issuer: "cluster-ca" },
    },
  };
}
