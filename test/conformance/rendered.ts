import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { KubeObject } from "../../engine/direct/objects.ts";

/** The objects of a folder that `render` has written, in its order. */
export function readRender(folder: string): KubeObject[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  return files.sort().map((name) => parse(readFileSync(join(folder, name), "utf8")) as KubeObject);
}

/** `Kind/namespace/name`. */
export function nameOf({ kind, metadata: { namespace, name } }: KubeObject): string {
  return namespace === undefined ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}

interface Template {
  readonly metadata?: { readonly labels?: object; readonly annotations?: object };
  readonly spec: { readonly restartPolicy?: string };
}

/**
 * A Pod made from an object's pod template: Pod Security, quota and the rest of admission judge pods, and only warn about, or
 * do not see, what makes them.
 */
export function podOf(object: KubeObject): KubeObject | undefined {
  const spec = object["spec"] as { template?: Template; jobTemplate?: { spec: { template: Template } } } | undefined;
  const template = object.kind === "CronJob" ? spec?.jobTemplate?.spec.template : spec?.template;
  if (template === undefined || !/^(apps|batch)\//.test(object.apiVersion)) return undefined;
  const { labels, annotations } = template.metadata ?? {};
  const name = `${object.metadata.name.slice(0, 50)}-pod`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      ...(object.metadata.namespace !== undefined && { namespace: object.metadata.namespace }),
      labels: { ...labels },
      annotations: { ...annotations },
    },
    // A StatefulSet's controller adds the volumes of its claims.
    spec: { ...template.spec, ...withClaims(object, template) },
  };
}

function withClaims(object: KubeObject, template: Template): object {
  const claims = (
    (object["spec"] as { volumeClaimTemplates?: KubeObject[] } | undefined)?.volumeClaimTemplates ?? []
  ).map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: `${name}-${object.metadata.name}-0` },
  }));
  if (claims.length === 0) return {};
  const { volumes = [] } = template.spec as { volumes?: readonly object[] };
  return { volumes: [...volumes, ...claims] };
}
