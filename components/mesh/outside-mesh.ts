import type * as pulumi from "@pulumi/pulumi";

type Labels = Readonly<Record<string, unknown>>;
interface Template {
  readonly metadata?: { readonly labels?: Labels };
}
interface Spec {
  readonly template?: Template;
  readonly jobTemplate?: { readonly spec?: Spec };
}

/** Label of a pod that gets no proxy in a namespace whose pods get one. */
const noProxy = { "sidecar.istio.io/inject": "false" };
const makers = /^kubernetes:(apps|batch)\/v1:(Deployment|StatefulSet|DaemonSet|Job|CronJob)$/;

/**
 * Has pods go without a proxy, whichever component makes them: those of services and jobs that want none, and of parts of the
 * platform that only speak to the API server or to a repository.
 *
 * @param apps values of their label app
 */
export function leaveOutOfMesh(apps: ReadonlySet<string>): pulumi.ResourceTransformation {
  return ({ type, props, opts }) => {
    if (!makers.test(type)) return undefined;
    const { spec } = props as { readonly spec?: Spec };
    const changed = spec && withoutProxy(spec, apps);
    return changed === undefined ? undefined : { props: { ...props, spec: changed }, opts };
  };
}

/** @returns undefined for pods that are not meant */
function withoutProxy(spec: Spec, apps: ReadonlySet<string>): Spec | undefined {
  const { template, jobTemplate } = spec;
  if (jobTemplate?.spec !== undefined) {
    const inner = withoutProxy(jobTemplate.spec, apps);
    return inner && { ...spec, jobTemplate: { ...jobTemplate, spec: inner } };
  }
  const { labels } = template?.metadata ?? {};
  if (typeof labels?.["app"] !== "string" || !apps.has(labels["app"])) return undefined;
  return { ...spec, template: { ...template, metadata: { ...template?.metadata, labels: { ...labels, ...noProxy } } } };
}
