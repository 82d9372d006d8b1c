import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { planControlPlane } from "../plan/control-plane/control-plane.ts";
import { hostScripts, kubeconfigStep } from "../plan/control-plane/host-scripts.ts";
import type { StepContext } from "../plan/control-plane/host-steps.ts";
import type { CareSettings } from "../plan/control-plane/care.ts";
import type { EtcdSettings, KubeadmSettings } from "../plan/control-plane/hosts.ts";

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
  readonly etcd: EtcdSettings & CareSettings<pulumi.Input<string>>;
  /** References of the images that static pods run besides kubeadm's own, by their names in data/images.yaml. */
  readonly images?: Readonly<Record<string, string>> | undefined;
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
      const kubeconfig = this.provision(name, args, { settings: args, plan, mirror: args.mirror, images: args.images });
      const { endpoint, members, quorum, tolerance, warnings } = plan;
      this.access = { kubeconfig, clusterIdentifier: plan.clusterName };
      this.summary = { mode: "kubeadm", endpoint, members, quorum, tolerance, warnings };
    }
    this.registerOutputs({ summary: this.summary });
  }

  /** Carries out the plan: every step waits for the one before it, so one host at a time changes. */
  private provision(name: string, args: KubeadmControlPlaneArgs, context: StepContext): pulumi.Output<string> {
    const made = new Map<string, command.remote.Command>();
    let last: command.remote.Command | undefined;
    for (const { name: role, host, script, update = script, input } of hostScripts(context)) {
      const stdin = input === undefined ? undefined : outputOf(made, input);
      last = new command.remote.Command(
        `${name}-${role}`,
        {
          connection: { host: host.address, port: args.ssh.port, user: args.ssh.user, privateKey: args.ssh.privateKey },
          create: script,
          update,
          // Standard output carries what is secret: certificates, tickets, the kubeconfig. Progress goes to standard error.
          logging: "stderr",
          ...(stdin && { stdin }),
        },
        { parent: this, dependsOn: last ? [last] : [], additionalSecretOutputs: ["stdout", "stderr"] },
      );
      made.set(role, last);
    }
    return outputOf(made, kubeconfigStep);
  }
}

function outputOf(made: ReadonlyMap<string, command.remote.Command>, step: string): pulumi.Output<string> {
  const found = made.get(step);
  if (found === undefined) throw new Error(`no step ${step} comes before the one that reads its output`);
  return pulumi.secret(found.stdout);
}
