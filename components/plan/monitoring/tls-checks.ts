import type { Problem } from "../problems.ts";
import { proxiedParts } from "../connections/monitoring-parts.ts";
import { reachedParts } from "./sign-in.ts";
import { hasServer, type TlsNeeds, tlsSecretNames } from "./tls.ts";

interface Entered {
  readonly enabled: boolean;
  readonly ingress?: { readonly tls?: { readonly secretName?: string | undefined } | undefined } | undefined;
}

/** What of the monitoring is checked here. */
export type TlsWanted = TlsNeeds["monitoring"] & Readonly<Record<(typeof reachedParts)[number], Entered>>;

const key = "quorum:monitoring";

/** What contradicts `tls`. */
export function tlsProblems(monitoring: TlsWanted): Problem[] {
  if (monitoring.tls === undefined) return [];
  const problems: Problem[] = [];
  if (!hasServer(monitoring)) {
    problems.push({
      key: `${key}.tls`,
      text: "is set, but the stack has no part of the monitoring that would have a certificate; enable one, or leave it out",
    });
  }
  for (const part of reachedParts) {
    const { enabled, ingress } = monitoring[part];
    if (!enabled || ingress === undefined) continue;
    // Zipkin and, behind an ingress, Grafana serve plain HTTP.
    const direct = proxiedParts.some((name) => name === part) && part !== "zipkin" && monitoring.signIn === undefined;
    if (direct) {
      problems.push({
        key: `${key}.${part}.ingress`,
        text: `is set, but with ${key}.tls ${part} takes no plain HTTP, which is what ingress controllers speak with it; set ${key}.signIn, whose proxy checks its certificate, or leave one of the two out`,
      });
    }
    const { secretName } = ingress.tls ?? {};
    if (secretName !== undefined && tlsSecretNames.includes(secretName)) {
      problems.push({
        key: `${key}.${part}.ingress.tls.secretName`,
        text: `is ${secretName}, but that Secret has a certificate of ${key}.tls; set another name`,
      });
    }
  }
  return problems;
}
