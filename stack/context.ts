import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  type ClusterAccess,
  ControlPlane,
  type ControlPlaneSummary,
} from "../components/control-plane/control-plane.ts";
import { AppImages } from "../components/image/app-images.ts";
import { type ConnectionPlan, planConnections } from "../components/plan/connections/connections.ts";
import { withLayout } from "../components/plan/control-plane/targets.ts";
import { thirdPartyImage } from "../components/plan/images/image-names.ts";
import { imageReference } from "../components/plan/images/images.ts";
import type { StackConfig } from "../config.ts";
import { buildLabels } from "./build-labels.ts";

/** What every part of the stack is made from. */
export interface StackContext {
  readonly stack: string;
  readonly config: StackConfig;
  /** Of the stack's cluster; every object comes through it. */
  readonly provider: k8s.Provider;
  readonly controlPlane: ControlPlaneSummary;
  /** How to reach the cluster, for what has to be asked of it before something is made. */
  readonly access: ClusterAccess;
  readonly images: StackImages;
  readonly connections: ConnectionPlan;
}

/** Where images come from, by their names. */
export interface StackImages {
  /** Repository of our own images, without their names. */
  readonly repository: string;
  /** Reference of the first image that the stack builds; undefined where it builds none. */
  readonly first: AppImages["first"];
  /** Of data/images.yaml. */
  readonly thirdParty: (name: string) => string;
  /** As services and jobs name them: one that is built, one of data/images.yaml, or a full reference. */
  readonly of: (name: string) => pulumi.Input<string>;
}

/** The cluster, and what all that runs on it needs to know. */
export function openStack(config: StackConfig, stack: string): StackContext {
  const cluster = new ControlPlane("control-plane", config.controlPlane);
  const provider = new k8s.Provider(
    "cluster",
    {
      ...cluster.access,
      enableConfigMapMutable: true,
      enableSecretMutable: true,
      enableServerSideApply: true,
      // What the program says of a field counts, whoever else has set it.
      enablePatchForce: true,
    },
    { dependsOn: [cluster] },
  );
  return {
    stack,
    config,
    provider,
    controlPlane: cluster.summary,
    access: cluster.access,
    images: stackImages(config, stack),
    connections: planConnections(withLayout(config)),
  };
}

function stackImages({ images }: StackConfig, stack: string): StackImages {
  const thirdParty = (name: string) => imageReference(images.catalog, name, images.mirror);
  const repository = `${images.registry}/${pulumi.getProject()}`;
  const builds = Object.keys(images.builds);
  const labelled = Object.entries(images.builds).map(([name, build]) => [
    name,
    { ...build, args: { ...(build.digest === undefined ? buildLabels(build.context) : {}), ...build.args } },
  ]);
  const built = new AppImages("images", {
    builds: Object.fromEntries(labelled) as typeof images.builds,
    repository,
    tag: stack,
    base: thirdParty("node"),
  });
  return {
    repository,
    first: built.first,
    thirdParty,
    of: (name) => thirdPartyImage(name, { ...images, builds }) ?? built.reference(name),
  };
}
