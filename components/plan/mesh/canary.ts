import { slugOf, versionedName } from "../workload/versions.ts";
import { gatewayRouteName } from "./gateway-routes.ts";
import { gatewayApi, networking } from "./mesh-object.ts";
import { canaryPercent } from "./shares.ts";
import type { CanarySettings, TrafficService } from "./traffic-settings.ts";

/** A canary whose step is to be judged. */
export interface Canary {
  readonly service: string;
  readonly settings: CanarySettings;
  /** Object that says what share the new version has now, in the cluster. */
  readonly route: { readonly apiVersion: string; readonly kind: string; readonly name: string };
}

/** What is known of some versions of a service over a time. */
export interface Figures {
  readonly requests: number;
  /** Answers of 500 and above, in percent of the requests. */
  readonly errorPercent: number;
  /** 95th percentile; undefined: nobody measured it. */
  readonly p95Seconds: number | undefined;
}

export interface Verdict {
  readonly allowed: boolean;
  /** The decision, then the numbers that it comes from. */
  readonly lines: readonly string[];
}

/** The canaries of a stack that `up` judges. */
export function judgedCanaries(services: Readonly<Record<string, TrafficService>>): Canary[] {
  return Object.entries(services).flatMap(([service, { canary, route }]) => {
    if (!(canary?.judged ?? false) || canary === undefined) return [];
    const object =
      route?.api === "gateway"
        ? { apiVersion: gatewayApi, kind: "HTTPRoute", name: gatewayRouteName(service) }
        : { apiVersion: networking, kind: "VirtualService", name: service };
    return [{ service, settings: canary, route: object }];
  });
}

interface LiveRoute {
  readonly spec?: {
    readonly http?: readonly {
      readonly match?: unknown;
      readonly route?: readonly { readonly destination?: { readonly subset?: string }; readonly weight?: number }[];
    }[];
    readonly rules?: readonly {
      readonly matches?: unknown;
      readonly backendRefs?: readonly { readonly name?: string; readonly weight?: number }[];
    }[];
  };
}

/**
 * The share that the new version has now, in percent.
 *
 * @param live the route as the cluster has it; undefined: there is none yet
 */
export function livePercent({ service, settings }: Canary, live: LiveRoute | undefined): number {
  const istio = live?.spec?.http?.find(({ match }) => match === undefined)?.route;
  if (istio !== undefined) {
    const mine = istio.find(({ destination }) => destination?.subset === slugOf(settings.to));
    // The only destination has all, and no weight.
    return mine === undefined ? 0 : (mine.weight ?? 100);
  }
  const backends = live?.spec?.rules?.find(({ matches }) => !isNarrow(matches))?.backendRefs ?? [];
  const mine = backends.find(({ name }) => name === versionedName(service, settings.to));
  return mine === undefined ? 0 : (mine.weight ?? 100);
}

/** An API server writes the match of all paths into a rule that has none. */
function isNarrow(matches: unknown): boolean {
  const all = JSON.stringify([{ path: { type: "PathPrefix", value: "/" } }]);
  return Array.isArray(matches) && matches.length > 0 && JSON.stringify(matches) !== all;
}

/** Whether a step has to be judged: one back, one that changes nothing, and the first requests of all do not. */
export function needsJudging({ settings }: Canary, now: number): boolean {
  return now > 0 && canaryPercent(settings) > now;
}

/** Where a service's requests are counted, by version. */
export type MetricSource = "istio" | "app";

/** Expressions that give one number each. */
export interface FigureQueries {
  readonly requests: string;
  readonly errors: string;
  readonly p95Seconds: string;
}

/**
 * What Prometheus is asked, of the new version or of all others together.
 *
 * Istio's proxies count the requests of every service, but only those with Istio's own filters do; the sample app counts its own.
 */
export function figureQueries(
  { service, settings }: Canary,
  namespace: string,
  source: MetricSource,
  which: "new" | "old",
): FigureQueries {
  const window = `[${settings.windowMinutes}m]`;
  const compare = which === "new" ? "=" : "!=";
  if (source === "istio") {
    const labels = `reporter="destination", destination_service_namespace="${namespace}", destination_service_name="${service}", destination_version${compare}"${settings.to}"`;
    return {
      requests: `sum(increase(istio_requests_total{${labels}}${window}))`,
      errors: `sum(increase(istio_requests_total{${labels}, response_code=~"5.."}${window}))`,
      p95Seconds: `histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{${labels}}${window}))) / 1000`,
    };
  }
  // Without a version there was none yet.
  const labels = `namespace="${namespace}", service="${service}", version!="", version${compare}"${settings.to}"`;
  return {
    requests: `sum(increase(application_api{${labels}}${window}))`,
    errors: `sum(increase(application_api{${labels}, response=~"5.."}${window}))`,
    p95Seconds: `histogram_quantile(0.95, sum by (le) (rate(application_api_duration_seconds_bucket{${labels}}${window})))`,
  };
}

/** Below this a difference is the resolution of the histograms, and nobody notices it. */
const unnoticedSeconds = 0.01;

/** Whether a step further may be taken, with the reasons and the numbers. */
export function judge(
  { service, settings }: Canary,
  now: number,
  found: { readonly new: Figures; readonly old: Figures },
): Verdict {
  const { to, windowMinutes, minRequests, moreErrorsPercent, slowerPercent } = settings;
  const numbers = [
    `  ${to}: ${shown(found.new)}`,
    `  the others: ${shown(found.old)}`,
    `  over the last ${windowMinutes} min`,
  ];
  const problems = [
    ...(["new", "old"] as const).flatMap((which) =>
      found[which].requests < minRequests
        ? [
            `${which === "new" ? to : "the other versions"} had ${Math.round(found[which].requests)} requests, and ${minRequests} are needed`,
          ]
        : [],
    ),
    ...(found.new.errorPercent > found.old.errorPercent + moreErrorsPercent
      ? [`${to} fails more often, by more than ${moreErrorsPercent} percent of its requests`]
      : []),
    ...(isSlower(found.new.p95Seconds, found.old.p95Seconds, slowerPercent)
      ? [`${to} is slower, by more than ${slowerPercent} %`]
      : []),
  ];
  const step = `canary ${service} ${to} from ${now} % to ${canaryPercent(settings)} %`;
  return problems.length === 0
    ? { allowed: true, lines: [`${step}: goes on, as it is no worse`, ...numbers] }
    : { allowed: false, lines: [`${step}: refused, as ${problems.join("; ")}`, ...numbers] };
}

function isSlower(now: number | undefined, before: number | undefined, percent: number): boolean {
  if (now === undefined || before === undefined) return false;
  return now > before * (1 + percent / 100) && now - before > unnoticedSeconds;
}

function shown({ requests, errorPercent, p95Seconds }: Figures): string {
  const slowest = p95Seconds === undefined ? "times not measured" : `95 % within ${Math.round(p95Seconds * 1000)} ms`;
  return `${Math.round(requests)} requests, ${errorPercent.toFixed(1)} % failed, ${slowest}`;
}

/** What to do about a step that was refused, or could not be judged. */
export function wayOut({ service }: Canary): string {
  return `take the step back or mend it; to go on without a judgement, set quorum:services.${service}.canary.judged to false`;
}

/** One instant query's number; undefined: no series, or one that is no number. */
export function numberOf(answer: unknown): number | undefined {
  const { data } = answer as {
    readonly data?: { readonly result?: readonly { readonly value?: readonly unknown[] }[] };
  };
  const value = Number(data?.result?.[0]?.value?.[1] ?? Number.NaN);
  return Number.isFinite(value) ? value : undefined;
}

/** Figures from the answers to `figureQueries`. */
export function figuresOf(
  requests: number | undefined,
  errors: number | undefined,
  p95Seconds: number | undefined,
): Figures {
  const count = requests ?? 0;
  return { requests: count, errorPercent: count === 0 ? 0 : ((errors ?? 0) / count) * 100, p95Seconds };
}
