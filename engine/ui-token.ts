import type { Config } from "../config/parse.ts";
import { viewerAccount } from "../components/plan/platform/cluster-ui.ts";

/** As much of kubectl as this needs. */
export interface TokenCluster {
  call(args: readonly string[]): Promise<string>;
}

/** The API server makes none that ends sooner. */
const leastMinutes = 10;
const mostMinutes = 24 * 60;

/**
 * Minutes of a duration such as 30m or 8h.
 *
 * @throws when it is none, or past what is sensible for a token that cannot be taken back
 */
export function tokenMinutes(duration: string): number {
  const [, amount, unit] = /^(\d{1,4})([mh])$/.exec(duration) ?? [];
  const minutes = Number(amount) * (unit === "h" ? 60 : 1);
  if (minutes >= leastMinutes && minutes <= mostMinutes) return minutes;
  throw new Error(
    `--duration is "${duration}", but it must be from ${leastMinutes}m to 24h; set it, for example to 1h`,
  );
}

/**
 * A new token of the account that may look at the cluster. It is kept nowhere.
 *
 * @throws when the stack has no UI, or it was not brought up yet
 */
export async function uiToken(
  kubectl: TokenCluster,
  { ui, namespaces, skipped }: Pick<Config, "ui" | "namespaces" | "skipped">,
  minutes: number,
): Promise<string> {
  if (!ui.headlamp.enabled) {
    const left = skipped.find(({ name }) => name === "headlamp");
    throw new Error(
      left === undefined
        ? "quorum:ui.headlamp.enabled is false, but a token is for Headlamp; set it to true and run up"
        : `Headlamp is left out of this stack: ${left.reason}; give the cluster a registry that has it`,
    );
  }
  const namespace = namespaces.ui;
  const made = await kubectl.call(["get", "sa", viewerAccount, "-n", namespace, "--ignore-not-found", "-o", "name"]);
  if (made.trim() === "")
    throw new Error(`ServiceAccount ${namespace}/${viewerAccount} was not made yet; npm run up makes it`);
  return (await kubectl.call(["create", "token", viewerAccount, "-n", namespace, `--duration=${minutes}m`])).trim();
}
