import { balancerHost, balancerScript } from "./balancer-step.ts";
import type { PlannedHost } from "./control-plane.ts";
import { encryptionSteps } from "./encryption.ts";
import { authoritiesScript, etcdHostScript, etcdTicketScript } from "./etcd-host-step.ts";
import { networkScript, nodeScript, prepareScript, type StepContext } from "./host-steps.ts";
import { changeScript, initScript, kubeconfigScript } from "./init-step.ts";
import { joinScript, ticketScript } from "./join-step.ts";

/** One step on one host, as it is carried out. */
export interface HostScript {
  /** Such as `cp-a-init`; one of a kind in a plan. */
  readonly name: string;
  readonly host: PlannedHost;
  readonly script: string;
  /** Run instead on a host that has carried the step out before. @default the script */
  readonly update?: string;
  /** Name of an earlier step whose standard output this one reads. */
  readonly input?: string;
}

/** Name of the step that prints the administrator's kubeconfig. */
export const kubeconfigStep = "kubeconfig";

/**
 * Every step of a plan, in order: each waits for the one before it, so that one host at a time changes.
 *
 * A host that joins prints a certificate; what it needs to join is sealed to that by the first host.
 */
export function hostScripts(context: StepContext): HostScript[] {
  const { first, hosts, etcdHosts } = context.plan;
  const ticket = (host: PlannedHost, script: string): HostScript => ({
    name: `${host.name}-ticket`,
    host: first,
    script,
    input: `${host.name}-prepare`,
  });
  const opened = (host: PlannedHost, action: string, script: string): HostScript => ({
    name: `${host.name}-${action}`,
    host,
    script,
    input: `${host.name}-ticket`,
  });
  const node = (host: PlannedHost): HostScript => ({
    name: `${host.name}-node`,
    host: first,
    script: nodeScript(context, host),
  });
  return [
    ...preparing(context, first),
    ...(etcdHosts.length === 0
      ? []
      : [{ name: `${first.name}-authorities`, host: first, script: authoritiesScript(context) }]),
    ...etcdHosts.flatMap((host) => [
      { name: `${host.name}-prepare`, host, script: prepareScript(context, host) },
      ticket(host, etcdTicketScript()),
      opened(host, "etcd", etcdHostScript(context, host)),
    ]),
    { name: `${first.name}-init`, host: first, script: initScript(context), update: changeScript(context) },
    { name: kubeconfigStep, host: first, script: kubeconfigScript },
    node(first),
    ...hosts
      .filter((host) => host !== first)
      .flatMap((host) => [
        ...preparing(context, host),
        ticket(host, ticketScript(context, host)),
        opened(host, "join", joinScript(context, host)),
        node(host),
      ]),
    // They read which change of keys the first host has begun, so that none of them is taken for done by an earlier one.
    ...encryptionSteps(context).map(({ host, action, script }) => ({
      name: `${host.name}-${action}`,
      host,
      script,
      input: `${first.name}-init`,
    })),
  ];
}

function preparing(context: StepContext, host: PlannedHost): HostScript[] {
  const { plan, settings } = context;
  return [
    { name: `${host.name}-prepare`, host, script: prepareScript(context, host) },
    ...(settings.network.plugin === "routed"
      ? [{ name: `${host.name}-network`, host, script: networkScript(context, host) }]
      : []),
    // Before the API server of the host, as the endpoint leads there from its first moment.
    ...(balancerHost(plan.balancer, host) === undefined
      ? []
      : [{ name: `${host.name}-balancer`, host, script: balancerScript(context, host) }]),
  ];
}
