import * as pulumi from "@pulumi/pulumi";

type Labels = Readonly<Record<string, unknown>>;
interface Template {
  readonly metadata?: { readonly labels?: Labels; readonly annotations?: pulumi.Input<Labels> };
}
interface Spec {
  readonly template?: Template;
  readonly jobTemplate?: { readonly spec?: Spec };
}

/** Label of a pod that gets no proxy in a namespace whose pods get one. */
const noProxy = { "sidecar.istio.io/inject": "false" };
/** Ports of calls that a pod makes past its proxy. @see https://istio.io/latest/docs/reference/config/annotations/#TrafficExcludeOutboundPorts */
const pastProxy = "traffic.sidecar.istio.io/excludeOutboundPorts";
const makers = /^kubernetes:(apps|batch)\/v1:(Deployment|StatefulSet|DaemonSet|Job|CronJob)$/;

/**
 * Has pods go without a proxy, whichever component makes them: those of services and jobs that want none, and of parts of the
 * platform that only speak to the API server or to a repository.
 *
 * @param apps values of their label app
 */
export function leaveOutOfMesh(apps: ReadonlySet<string>): pulumi.ResourceTransformation {
  return changePods((app, metadata) =>
    apps.has(app) ? { ...metadata, labels: { ...metadata.labels, ...noProxy } } : undefined,
  );
}

/**
 * Has calls of pods at some ports go past their proxies.
 *
 * @param ports by label app of the pods
 */
export function leavePastProxy(ports: ReadonlyMap<string, readonly number[]>): pulumi.ResourceTransformation {
  return changePods((app, metadata) => {
    const own = ports.get(app);
    if (own === undefined) return undefined;
    const annotations = pulumi
      .output(metadata.annotations ?? {})
      .apply((given) => ({ ...given, [pastProxy]: own.join(",") }));
    return { ...metadata, annotations };
  });
}

type Metadata = NonNullable<Template["metadata"]>;

/** @param change of the metadata of pods by their label app; undefined: as they are */
function changePods(change: (app: string, metadata: Metadata) => Metadata | undefined): pulumi.ResourceTransformation {
  return ({ type, props, opts }) => {
    if (!makers.test(type)) return undefined;
    const { spec } = props as { readonly spec?: Spec };
    const changed = spec && changeSpec(spec, change);
    return changed === undefined ? undefined : { props: { ...props, spec: changed }, opts };
  };
}

/** @returns undefined for pods that are not meant */
function changeSpec(spec: Spec, change: (app: string, metadata: Metadata) => Metadata | undefined): Spec | undefined {
  const { template, jobTemplate } = spec;
  if (jobTemplate?.spec !== undefined) {
    const inner = changeSpec(jobTemplate.spec, change);
    return inner && { ...spec, jobTemplate: { ...jobTemplate, spec: inner } };
  }
  const app = template?.metadata?.labels?.["app"];
  const metadata = typeof app === "string" ? change(app, template?.metadata ?? {}) : undefined;
  return metadata && { ...spec, template: { ...template, metadata } };
}
