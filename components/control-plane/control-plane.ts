import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type PlannedHost, planControlPlane } from "../plan/control-plane/control-plane.ts";
import { networkScript, nodeScript, prepareScript, type StepContext } from "../plan/control-plane/host-steps.ts";
import type { KubeadmSettings } from "../plan/control-plane/hosts.ts";
import { changeScript, initScript, kubeconfigScript } from "../plan/control-plane/init-step.ts";
import { joinScript, ticketScript } from "../plan/control-plane/join-step.ts";
import { list } from "../plan/problems.ts";

/** How host steps reach their hosts. */
export interface SshArgs {
  readonly user: string;
  readonly port: number;
  readonly privateKey: pulumi.Output<string>;
}

/** A cluster that is there: nothing is changed on it. */
export interface ExistingControlPlaneArgs {
  readonly mode: "existing";
  /** Context of the kubeconfig. */
  readonly context: string;
  /** Kubeconfig file. @default the one that kubectl would take */
  readonly kubeconfig?: string | undefined;
}

/** A cluster that kubeadm makes on given hosts. */
export interface KubeadmControlPlaneArgs extends KubeadmSettings {
  readonly mode: "kubeadm";
  readonly ssh: SshArgs;
  /** Registry that stands in for registry.k8s.io. @default none */
  readonly mirror?: string | undefined;
}

export type ControlPlaneArgs = ExistingControlPlaneArgs | KubeadmControlPlaneArgs;

/** What a stack says of its control plane. */
export interface ControlPlaneSummary {
  readonly mode: "existing" | "kubeadm";
  readonly endpoint?: string;
  readonly context?: string;
  readonly members?: readonly string[];
  readonly quorum?: number;
  readonly tolerance?: number;
  readonly warnings?: readonly string[];
}

/** How to reach the cluster: what a Kubernetes provider is made from. */
export interface ClusterAccess {
  /** Kubeconfig text (secret), or the path of a file. */
  readonly kubeconfig?: pulumi.Input<string>;
  readonly context?: string;
  /** Stays the same for as long as it is the same cluster. */
  readonly clusterIdentifier: string;
}

interface StepExtras {
  readonly stdin?: pulumi.Output<string>;
  /** Run instead when the engine remembers the step. @default the step itself */
  readonly update?: string;
}

/**
 * The cluster under everything else: one that exists, or one that kubeadm makes on hosts over SSH.
 *
 * Steps add what is missing. None removes or replaces a member, whatever changes.
 */
export class ControlPlane extends pulumi.ComponentResource {
  readonly access: ClusterAccess;
  readonly summary: ControlPlaneSummary;

  constructor(name: string, args: ControlPlaneArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:control-plane:ControlPlane", name, {}, opts);
    if (args.mode === "existing") {
      const { context, kubeconfig } = args;
      this.access = { context, clusterIdentifier: context, ...(kubeconfig === undefined ? {} : { kubeconfig }) };
      this.summary = { mode: "existing", context };
    } else {
      const plan = planControlPlane(args);
      if (plan.beyondKubeadm.length > 0) {
        throw new pulumi.ResourceError(
          `quorum:controlPlane asks for ${list(plan.beyondKubeadm)}, but up carries out no more than one member and one API server on a host; set goal to minimal or storage-redundancy, leave out hosts with role etcd, and set etcd.events to shared`,
          this,
        );
      }
      const kubeconfig = this.provision(name, args, { settings: args, plan, mirror: args.mirror });
      const { endpoint, members, quorum, tolerance, warnings } = plan;
      this.access = { kubeconfig, clusterIdentifier: plan.clusterName };
      this.summary = { mode: "kubeadm", endpoint, members, quorum, tolerance, warnings };
    }
    this.registerOutputs({ summary: this.summary });
  }

  /** Carries out the plan: every step waits for the one before it, so one host at a time changes. */
  private provision(name: string, args: KubeadmControlPlaneArgs, context: StepContext): pulumi.Output<string> {
    const { first, hosts } = context.plan;
    const routed = args.network.plugin === "routed";
    let last: command.remote.Command | undefined;
    const step = (role: string, host: PlannedHost, create: string, more: StepExtras = {}) => {
      last = new command.remote.Command(
        `${name}-${role}`,
        {
          connection: { host: host.address, port: args.ssh.port, user: args.ssh.user, privateKey: args.ssh.privateKey },
          create,
          update: more.update ?? create,
          // Standard output carries what is secret: certificates, tickets, the kubeconfig. Progress goes to standard error.
          logging: "stderr",
          ...(more.stdin && { stdin: more.stdin }),
        },
        { parent: this, dependsOn: last ? [last] : [], additionalSecretOutputs: ["stdout", "stderr"] },
      );
      return last;
    };
    const prepare = (host: PlannedHost) => {
      const prepared = step(`${host.name}-prepare`, host, prepareScript(context, host));
      if (routed) step(`${host.name}-network`, host, networkScript(context, host));
      return prepared.stdout;
    };
    prepare(first);
    step(`${first.name}-init`, first, initScript(context), { update: changeScript(context) });
    const kubeconfig = pulumi.secret(step("kubeconfig", first, kubeconfigScript).stdout);
    step(`${first.name}-node`, first, nodeScript(context, first));
    for (const host of hosts.filter((other) => other !== first)) {
      const certificate = prepare(host);
      const ticket = step(`${host.name}-ticket`, first, ticketScript(host), { stdin: certificate });
      step(`${host.name}-join`, host, joinScript(context, host), { stdin: pulumi.secret(ticket.stdout) });
      step(`${host.name}-node`, first, nodeScript(context, host));
    }
    return kubeconfig;
  }
}
