import { type ExposedPart, exposedParts } from "./monitoring/sign-in.ts";
import { isServer, serves } from "./monitoring/tls.ts";
import type { IngressPorts } from "./workload/ingress.ts";
import type { Exposure } from "./workload/services.ts";

/** What of a configuration decides its URLs. */
export interface UrlSettings {
  readonly services: Readonly<
    Record<
      string,
      { readonly role: string; readonly expose?: Exposure | undefined; readonly ingress?: IngressUrl | undefined }
    >
  >;
  readonly monitoring: Readonly<Record<ExposedPart, ReachedPart>> & {
    readonly tls?: object | undefined;
  };
  readonly ingress: { readonly controller: "traefik" | "istio" | "existing"; readonly expose: IngressPorts };
  readonly ui: { readonly headlamp: ReachedPart };
  readonly mesh?: { readonly kiali: ReachedPart } | undefined;
  readonly controlPlane:
    | { readonly mode: "existing" }
    | {
        readonly mode: "kubeadm";
        readonly local: boolean;
        readonly hosts: Readonly<Record<string, { readonly address: string }>>;
      };
}

/** What of a service's ingress decides its URL. */
interface IngressUrl {
  readonly hostname: string;
  readonly path?: string;
  readonly tls?: object | undefined;
}

/** A part of the platform that people reach. */
interface ReachedPart {
  readonly enabled: boolean;
  readonly expose?: Exposure | undefined;
  readonly ingress?: IngressUrl | undefined;
}

/**
 * Where people reach what the stack exposes, by its ingress where it has one. The first exposed service with role `web` is called `app`, others go by their
 * names. From configured hostnames, since a balancer's address is unknown at preview.
 */
export function stackUrls({
  services,
  monitoring,
  ingress,
  ui,
  mesh,
  controlPlane,
}: UrlSettings): Record<string, string> {
  const fallback = fallbackHost(controlPlane);
  const exposed = Object.entries(services)
    .flatMap(([name, { role, ...service }]): [string, string, string][] => {
      if (service.ingress !== undefined) return [[name, role, ingressUrl(service.ingress, ingress)]];
      return service.expose === undefined ? [] : [[name, role, urlOf(service.expose, fallback)]];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const app = exposed.find(([, role]) => role === "web")?.[0];
  const parts: readonly (readonly [string, ReachedPart])[] = [
    ...exposedParts.map((name) => [name, monitoring[name]] as const),
    ["headlamp", ui.headlamp],
    ...(mesh === undefined ? [] : [["kiali", mesh.kiali] as const]),
  ];
  return Object.fromEntries([
    ...exposed.map(([name, , url]) => [name === app ? "app" : name, url]),
    ...parts.flatMap(([name, { enabled, ...part }]) => {
      if (!enabled) return [];
      if (part.ingress !== undefined) return [[name, ingressUrl(part.ingress, ingress)]];
      const secure = isServer(name) && serves(name, monitoring);
      return part.expose === undefined ? [] : [[name, urlOf(part.expose, fallback, secure)]];
    }),
  ]) as Record<string, string>;
}

/** An existing controller's ports are not known: the usual ones are. */
function ingressUrl({ hostname, path = "/", tls }: IngressUrl, { controller, expose }: UrlSettings["ingress"]): string {
  const { httpPort, httpsPort } = controller !== "existing" ? expose : { httpPort: 80, httpsPort: 443 };
  const plain = `http://${hostname}${httpPort === 80 ? "" : `:${httpPort}`}`;
  const secure = `https://${hostname}${httpsPort === 443 ? "" : `:${httpsPort}`}`;
  return `${tls === undefined ? plain : secure}${path === "/" ? "" : path}`;
}

function fallbackHost(controlPlane: UrlSettings["controlPlane"]): string {
  if (controlPlane.mode === "existing" || controlPlane.local) return "localhost";
  return Object.values(controlPlane.hosts)[0]?.address ?? "localhost";
}

function urlOf({ port, hostname, address }: Exposure, fallback: string, secure = false): string {
  const [scheme, usualPort] = secure ? ["https", 443] : ["http", 80];
  return `${scheme}://${hostname ?? address ?? fallback}${port === usualPort ? "" : `:${port}`}`;
}
