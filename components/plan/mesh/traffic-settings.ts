import type { Call } from "../connections/calls.ts";

/** What a text must be; one of the three. */
export interface TextMatch {
  readonly exact?: string | undefined;
  readonly prefix?: string | undefined;
  /** RE2, which must match all of it. */
  readonly regex?: string | undefined;
}

export interface RetrySettings {
  /** Further attempts after the first. */
  readonly attempts: number;
  readonly perTryMillis?: number | undefined;
  readonly on?: readonly string[] | undefined;
  readonly budget?: { readonly percent: number; readonly min: number } | undefined;
}

export interface FaultSettings {
  readonly delay?: { readonly millis: number; readonly percent: number } | undefined;
  readonly abort?: { readonly status: number; readonly percent: number } | undefined;
  readonly inProduction: boolean;
}

/** What is done with a request, besides where it goes. */
export interface Handling {
  readonly timeoutMillis?: number | undefined;
  readonly retries?: RetrySettings | undefined;
  readonly fault?: FaultSettings | undefined;
}

export interface MatchSettings extends Handling {
  readonly headers: Readonly<Record<string, TextMatch>>;
  readonly path?: TextMatch | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly to?: string | undefined;
  readonly weights?: Readonly<Record<string, number>> | undefined;
}

export interface ConnectionLimits {
  readonly max?: number | undefined;
  readonly pending?: number | undefined;
  readonly requests?: number | undefined;
  readonly requestsEach?: number | undefined;
  readonly retries?: number | undefined;
  readonly connectMillis?: number | undefined;
  readonly idleSeconds?: number | undefined;
}

export interface OutlierSettings {
  readonly consecutive5xx: number;
  readonly intervalSeconds: number;
  readonly ejectionSeconds: number;
  readonly maxEjectionPercent: number;
  readonly minHealthPercent: number;
}

/** Shares of a caller's requests by the place of the pods called, in percent, by the place of the caller: `region/zone/subzone`. */
export type LocalityWeights = Readonly<Record<string, Readonly<Record<string, number>>>>;

export type Locality = "zone" | "region" | "none" | LocalityWeights;

export interface RouteSettings extends Handling {
  readonly api: "istio" | "gateway";
  readonly matches: readonly MatchSettings[];
  readonly mirror?: { readonly to: string; readonly percent: number } | undefined;
  readonly connections?: ConnectionLimits | undefined;
  readonly outliers?: OutlierSettings | undefined;
  readonly locality?: Locality | undefined;
}

export interface CanarySettings {
  readonly to: string;
  readonly steps: readonly number[];
  /** 0: not begun. */
  readonly at: number;
  readonly judged: boolean;
  readonly windowMinutes: number;
  readonly minRequests: number;
  readonly moreErrorsPercent: number;
  readonly slowerPercent: number;
}

export type Protocol = "http" | "http2" | "grpc" | "tcp";

/** What of a service decides how requests come to it. */
export interface TrafficService {
  /** Port of the container. */
  readonly port: number;
  readonly servicePort?: number | undefined;
  readonly expose?: { readonly port: number } | undefined;
  readonly versions?: Readonly<Record<string, { readonly weight?: number | undefined }>> | undefined;
  readonly canary?: CanarySettings | undefined;
  readonly route?: RouteSettings | undefined;
  /** @default true */
  readonly mesh?: boolean | undefined;
  /** @default http */
  readonly protocol?: Protocol | undefined;
  readonly ingress?: EdgeAddress | undefined;
  readonly calls: readonly Call[];
}

/** How the outside asks for a service. */
export interface EdgeAddress {
  readonly hostname: string;
  readonly path: string;
  readonly rewritePath?: string | undefined;
}

export interface ExternalHost {
  readonly host?: string | undefined;
  readonly address?: string | undefined;
  readonly port: number;
  readonly protocol: "http" | "http2" | "grpc" | "https" | "tls" | "tcp";
  readonly tls?: { readonly plainPort: number; readonly sni?: string | undefined } | undefined;
  readonly subnets?: readonly string[] | undefined;
  readonly gateway: boolean;
  readonly timeoutMillis?: number | undefined;
  readonly retries?: RetrySettings | undefined;
  readonly connections?: ConnectionLimits | undefined;
  readonly outliers?: OutlierSettings | undefined;
}

export interface JwtSettings {
  readonly issuer: string;
  readonly jwksUri?: string | undefined;
  readonly jwks?: string | undefined;
  readonly subnets?: readonly string[] | undefined;
  readonly audiences: readonly string[];
  readonly except: readonly string[];
}

/** Port of a service's Service. */
export function servicePortOf({ port, servicePort, expose }: TrafficService): number {
  return expose?.port ?? servicePort ?? port;
}

export function isMember({ mesh }: { readonly mesh?: boolean | undefined }): boolean {
  return mesh ?? true;
}
