import { SignInProxy } from "../../components/monitoring/sign-in-proxy.ts";
import { monitoringPorts, type ProxiedPart, signInProxy } from "../../components/plan/connections/monitoring-parts.ts";
import { insideUrl } from "../../components/plan/monitoring/addresses.ts";
import { partTls } from "../../components/plan/monitoring/tls.ts";
import { partsBehindSignIn, partsWithIngress } from "../../components/plan/monitoring/sign-in.ts";
import { partPriorityClass } from "../../components/plan/platform/priorities.ts";
import { stackUrls } from "../../components/plan/urls.ts";
import type { IngressController } from "../../components/platform/ingress-controller.ts";
import { ServiceIngress } from "../../components/workload/ingress.ts";
import type { StackContext } from "../context.ts";
import type { Platform } from "../platform.ts";

/** The ways from outside to the parts of the monitoring by name, through a sign-in where they have none of their own. */
export function makeIngresses(
  context: StackContext,
  platform: Platform,
  controller: IngressController | undefined,
): void {
  const { config, provider } = context;
  const { monitoring, ingress } = config;
  const proxied: readonly string[] = makeProxies(context, platform);
  for (const part of partsWithIngress(monitoring)) {
    const { ingress: address } = monitoring[part];
    if (address === undefined) continue;
    const { tls } = address;
    const behind = proxied.includes(part);
    new ServiceIngress(
      `monitoring-${part}`,
      {
        ...address,
        tls: tls && { ...tls, secretName: tls.secretName ?? `${part}-tls` },
        path: "/",
        api: "Ingress",
        namespace: platform.nameOf("monitoring"),
        serviceName: behind ? `${part}-sign-in` : part,
        port: behind ? monitoringPorts.signInProxy : monitoringPorts[part],
        className: controller?.className ?? ingress.className,
      },
      { provider },
    );
  }
}

/** @returns the parts that have one */
function makeProxies({ config, provider, images }: StackContext, platform: Platform): ProxiedPart[] {
  const { signIn } = config.monitoring;
  if (signIn === undefined) return [];
  const urls = stackUrls(config);
  const parts = partsBehindSignIn(config.monitoring);
  for (const part of parts) {
    const url = urls[part];
    if (url === undefined) throw new Error(`${part} has a sign-in before it, but no address; give it an ingress`);
    new SignInProxy(
      signInProxy(part).app,
      {
        namespace: platform.withSecrets("monitoring"),
        image: images.thirdParty("oauth2-proxy"),
        signIn,
        replicas: signIn.replicas,
        upstream: insideUrl(part, config.monitoring.tls !== undefined),
        tls: part === "zipkin" ? undefined : partTls("signInProxy", config.monitoring),
        url,
        priorityClassName: partPriorityClass(config.platform),
      },
      { provider },
    );
  }
  return parts;
}
