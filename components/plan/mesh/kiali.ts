import { stringify } from "yaml";
import { insideUrl } from "../monitoring/addresses.ts";
import { kialiPort } from "../connections/mesh-connections.ts";

/** What of a stack Kiali is told. */
export interface KialiSettings {
  readonly stack: string;
  readonly namespaces: { readonly mesh: string; readonly monitoring: string };
  /** Namespaces that it shows. */
  readonly shown: readonly string[];
  /** Whether the parts of the monitoring speak TLS with each other. */
  readonly tls: boolean;
}

/** Secret that is made in the cluster: what sessions are signed with, so that they outlive a pod. */
export const kialiSecret = { name: "kiali-signing", key: "signing-key" } as const;
/** Where Kiali looks for it. */
export const kialiSecretFile = {
  folder: "/kiali-override-secrets/login-token-signing-key",
  file: "value.txt",
} as const;

const sessionSeconds = 8 * 3600;

/**
 * Kiali's configuration file. It shows and changes nothing; who looks gives a token of the cluster, by which the API server decides
 * what they see. Zipkin is no store of traces that it can read.
 *
 * @see https://kiali.io/docs/configuration/kialis.kiali.io/
 */
export function kialiConfig(settings: KialiSettings): string {
  const { namespaces, shown, stack, tls } = settings;
  return stringify(
    {
      additional_display_details: [],
      auth: { strategy: "token" },
      deployment: {
        cluster_wide_access: true,
        instance_name: "kiali",
        namespace: namespaces.monitoring,
        view_only_mode: true,
        discovery_selectors: {
          default: [...shown].sort().map((name) => ({ matchLabels: { "kubernetes.io/metadata.name": name } })),
        },
        logger: { log_format: "json", log_level: "info" },
      },
      external_services: {
        // It would need an account there; dashboards lead to Grafana by themselves.
        grafana: { enabled: false },
        istio: { root_namespace: namespaces.mesh },
        prometheus: { url: insideUrl("prometheus", tls, namespaces.monitoring) },
        tracing: { enabled: false },
      },
      kubernetes_config: { cluster_name: "Kubernetes" },
      login_token: { expiration_seconds: sessionSeconds },
      server: { port: kialiPort, web_root: "/", observability: { metrics: { enabled: false } } },
      installation_tag: stack,
    },
    { lineWidth: 0 },
  );
}

/** What Kiali reads of the cluster: everything that it draws, and no Secret. */
export const kialiRules = Object.entries({
  "": ["configmaps", "endpoints", "namespaces", "pods", "pods/log", "replicationcontrollers", "services"],
  apps: ["daemonsets", "deployments", "replicasets", "statefulsets"],
  batch: ["cronjobs", "jobs"],
  "admissionregistration.k8s.io": ["mutatingwebhookconfigurations"],
  "extensions.istio.io": ["*"],
  "gateway.networking.k8s.io": ["*"],
  "networking.istio.io": ["*"],
  "security.istio.io": ["*"],
  "telemetry.istio.io": ["*"],
}).map(([group, resources]) => ({ apiGroups: [group], resources, verbs: ["get", "list", "watch"] }));
/** Whether somebody's token is one. */
export const tokenReviews = { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] };
