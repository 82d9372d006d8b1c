import * as pulumi from "@pulumi/pulumi";
import {
  type Canary,
  figureQueries,
  type Figures,
  figuresOf,
  judge,
  judgedCanaries,
  livePercent,
  type MetricSource,
  needsJudging,
  wayOut,
} from "../components/plan/mesh/canary.ts";
import { canaryPercent } from "../components/plan/mesh/shares.ts";
import { isMeshed } from "../components/plan/mesh/mesh-parts.ts";
import { authoritySecret, serverName, serves } from "../components/plan/monitoring/tls.ts";
import { askPrometheus, type PrometheusPlace, readObject, type StackCluster, withCluster } from "./cluster-reads.ts";
import type { StackContext } from "./context.ts";

/**
 * Judges the next step of each canary. It is asked for in `up` alone, by whichever engine, as a preview changes nothing and a render
 * has no cluster.
 *
 * @throws when a step is refused, with its numbers: to be called before the routes are made
 */
export async function judgeCanaries(context: StackContext): Promise<void> {
  const { config, access } = context;
  const canaries = isMeshed(config.mesh) ? judgedCanaries(config.services) : [];
  if (pulumi.runtime.isDryRun() || canaries.length === 0) return;
  const cluster = await valueOf(pulumi.output({ kubeconfig: access.kubeconfig, context: access.context }));
  for (const canary of canaries) await judgeStep(canary, { config, cluster });
}

/** In `up` every value comes to be known, or the run fails. */
function valueOf<Value>(output: pulumi.Output<Value>): Promise<Value> {
  return new Promise((resolve) => void output.apply(resolve as (value: unknown) => void));
}

interface Judging extends Pick<StackContext, "config"> {
  readonly cluster: StackCluster;
}

async function judgeStep(canary: Canary, { config, cluster }: Judging): Promise<void> {
  const { monitoring, namespaces } = config;
  const secure = serves("prometheus", monitoring);
  const place: PrometheusPlace = {
    namespace: namespaces.monitoring,
    tls: secure ? { serverName: serverName("prometheus", namespaces), secret: authoritySecret } : undefined,
  };
  await withCluster(cluster, async (kubectl) => {
    const now = livePercent(canary, await readObject(kubectl, canary.route, namespaces.apps));
    if (!needsJudging(canary, now)) return;
    const step = `canary ${canary.service} ${canary.settings.to} from ${now} % to ${canaryPercent(canary.settings)} %`;
    const found = await figures(canary, namespaces.apps, (expressions) =>
      askPrometheus(kubectl, place, expressions).catch((error: unknown) => {
        throw new Error(
          `${step}: refused, as Prometheus cannot be asked (${(error as Error).message}); ${wayOut(canary)}`,
          {
            cause: error,
          },
        );
      }),
    );
    const { allowed, lines } = judge(canary, now, found);
    if (!allowed) throw new Error(`${lines.join("\n")}\n  ${wayOut(canary)}`);
    void pulumi.log.info(lines.join("\n"));
  });
}

type Ask = (expressions: readonly string[]) => Promise<readonly (number | undefined)[]>;

/** By Istio's own counts where there are any of the new version, else by the application's. */
async function figures(
  canary: Canary,
  namespace: string,
  ask: Ask,
): Promise<{ readonly new: Figures; readonly old: Figures }> {
  const by = async (source: MetricSource) => {
    const sides = (["new", "old"] as const).map((which) => figureQueries(canary, namespace, source, which));
    const numbers = await ask(sides.flatMap(({ requests, errors, p95Seconds }) => [requests, errors, p95Seconds]));
    const [fresh, old] = [numbers.slice(0, 3), numbers.slice(3)].map(([requests, errors, p95]) =>
      figuresOf(requests, errors, p95),
    );
    if (fresh === undefined || old === undefined) throw new Error("Prometheus gave too few answers");
    return { new: fresh, old };
  };
  const istio = await by("istio");
  return istio.new.requests > 0 || istio.old.requests > 0 ? istio : by("app");
}
