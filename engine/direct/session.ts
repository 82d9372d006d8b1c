import { join } from "node:path";
import type { Workspace } from "../files.ts";
import type { StackConfig } from "../stack.ts";
import { findCluster } from "./cluster-access.ts";
import { HostStepMaker, type HostStepResult } from "./host-step.ts";
import { type DockerProgram, ImageMaker, type ImageResult, type PushedImage } from "./image.ts";
import { type ClusterAccess, Kubectl } from "./kubectl.ts";
import { DirectMonitor, type ResourceMakers } from "./monitor.ts";
import { collectObjects, type DesiredObject } from "./objects.ts";
import type { Registration } from "./registration.ts";
import { runProgram } from "./run-program.ts";
import { Ssh } from "./ssh.ts";
import { planWaves, type Wave } from "./waves.ts";

/** Programs of the machine, found when they are first needed. */
export interface Tools {
  kubectl(): Promise<string>;
  docker(): Promise<DockerProgram>;
}

export interface Session {
  readonly workspace: Workspace;
  readonly config: StackConfig;
  /** Path of index.ts. */
  readonly program: string;
  readonly tools: Tools;
  readonly timeoutSeconds: number;
  /** Told of each image that was built and pushed. @default nobody is told */
  readonly pushed?: (image: PushedImage) => Promise<void>;
  /** Asked about the objects before any is compared or changed; throws where they may not be. @default nobody is asked */
  readonly judge?: (objects: readonly DesiredObject[]) => void;
  readonly log: (line: string) => void;
}

/** What a program came to. */
export interface Evaluation {
  readonly resources: readonly Registration[];
  readonly objects: readonly DesiredObject[];
  readonly waves: readonly Wave[];
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly images: readonly ImageResult[];
  readonly steps: readonly HostStepResult[];
  /** Undefined while the kubeconfig is known only after `up`. */
  readonly cluster: ClusterAccess | undefined;
}

/**
 * Runs the stack's program. `up` builds images and runs host steps; `preview` only compares; `down` compares too, but
 * goes nowhere without its hosts.
 */
export async function evaluate(session: Session, purpose: "up" | "preview" | "down"): Promise<Evaluation> {
  const { workspace, log, config } = session;
  const preview = purpose !== "up";
  const ssh = new Ssh(workspace);
  const images = new ImageMaker({
    workspace,
    preview,
    log,
    docker: () => session.tools.docker(),
    pushed: session.pushed,
  });
  const steps = new HostStepMaker({ workspace, ssh, preview, needHosts: purpose !== "preview", log });
  const makers: ResourceMakers = {
    image: (resource) => images.make(resource),
    hostStep: (resource) => steps.make(resource),
  };
  try {
    const { resources, outputs } = await evaluateWith(
      // What goes down needs no advice.
      purpose === "down" ? { ...session, log: () => undefined } : session,
      makers,
      preview,
    );
    const objects = collectObjects(resources, config.stack);
    return {
      resources,
      objects,
      waves: planWaves(objects),
      outputs,
      images: images.results,
      steps: steps.results,
      cluster: findCluster(resources, workspace, config.stack),
    };
  } finally {
    ssh.close();
  }
}

/** Runs the stack's program with makers of one's own. */
export async function evaluateWith(
  session: Pick<Session, "config" | "program" | "log">,
  makers: ResourceMakers,
  preview: boolean,
): Promise<{ resources: readonly Registration[]; outputs: Readonly<Record<string, unknown>> }> {
  const { config, program, log } = session;
  const monitor = new DirectMonitor({ project: config.project, stack: config.stack, makers });
  await runProgram({ program, config, monitor, preview, log });
  return { resources: [...monitor.resources.values()], outputs: monitor.outputs ?? {} };
}

export async function openCluster(session: Session, access: ClusterAccess): Promise<Kubectl> {
  return new Kubectl({
    path: await session.tools.kubectl(),
    access,
    cacheDir: join(session.workspace.stateDir, "kube-cache"),
  });
}
