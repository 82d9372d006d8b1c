import type { Exposure } from "./services.ts";

/** What of a configuration decides its URLs. */
export interface UrlSettings {
  readonly services: Readonly<Record<string, { readonly role: string; readonly expose?: Exposure | undefined }>>;
  readonly monitoring: { readonly prometheus: { readonly enabled: boolean; readonly expose?: Exposure | undefined } };
  readonly controlPlane:
    | { readonly mode: "existing" }
    | {
        readonly mode: "kubeadm";
        readonly local: boolean;
        readonly hosts: Readonly<Record<string, { readonly address: string }>>;
      };
}

/**
 * Where people reach what the stack exposes. The first exposed service with role `web` is called `app`, others go by their
 * names. From configured hostnames, since a balancer's address is unknown at preview.
 */
export function stackUrls({ services, monitoring, controlPlane }: UrlSettings): Record<string, string> {
  const fallback = fallbackHost(controlPlane);
  const exposed = Object.entries(services)
    .filter(([, service]) => service.expose !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const app = exposed.find(([, service]) => service.role === "web")?.[0];
  const places: [string, Exposure | undefined][] = [
    ...exposed.map(([name, service]): [string, Exposure | undefined] => [name === app ? "app" : name, service.expose]),
    ["prometheus", monitoring.prometheus.enabled ? monitoring.prometheus.expose : undefined],
  ];
  return Object.fromEntries(
    places.flatMap(([name, expose]) => (expose === undefined ? [] : [[name, urlOf(expose, fallback)]])),
  );
}

function fallbackHost(controlPlane: UrlSettings["controlPlane"]): string {
  if (controlPlane.mode === "existing" || controlPlane.local) return "localhost";
  return Object.values(controlPlane.hosts)[0]?.address ?? "localhost";
}

function urlOf({ port, hostname }: Exposure, fallback: string): string {
  return `http://${hostname ?? fallback}${port === 80 ? "" : `:${port}`}`;
}
