import * as pulumi from "@pulumi/pulumi";

/** Labels of every Kubernetes object of a stack: who made it, and for which stack. */
export function managedLabels(stack: string): Record<string, string> {
  return { "app.kubernetes.io/managed-by": "quorum", "quorum.dev/stack": stack };
}

type Labels = Readonly<Record<string, pulumi.Input<string>>>;
type Metadata = { readonly labels?: pulumi.Input<Labels> };

/** Puts the stack's labels on every Kubernetes object, whichever component makes it. */
export function labelObjects(stack: string): pulumi.ResourceTransformation {
  const own = managedLabels(stack);
  const label = (metadata: Metadata) => ({
    ...metadata,
    labels: change(metadata.labels ?? {}, (labels) => ({ ...labels, ...own })),
  });
  return ({ type, props, opts }) => {
    if (!type.startsWith("kubernetes:")) return undefined;
    const { metadata } = props as { readonly metadata?: pulumi.Input<Metadata> };
    return { props: { ...props, metadata: change(metadata ?? {}, label) }, opts };
  };
}

/** A plain value is changed at once: through an output, one unknown field would hide the whole of it at preview. */
function change<Value extends object, Changed>(
  value: pulumi.Input<Value>,
  by: (value: Value) => Changed,
): pulumi.Input<Changed> {
  if (pulumi.Output.isInstance(value) || value instanceof Promise) {
    return pulumi.output(value).apply((known) => by(known as Value));
  }
  return by(value);
}
