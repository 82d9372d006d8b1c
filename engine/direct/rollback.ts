import type { ObjectChange } from "./changes.ts";
import { type Kubectl, KubectlError, LiveObjects } from "./kubectl.ts";
import { type GoodState, goesBack, servingTemplate, type Template, templateOf, without } from "./last-good.ts";
import { describe, identityOf, keyOf, type KubeObject } from "./objects.ts";
import { NotReadyError, type WaitSettings, waitUntilReady } from "./wait.ts";

export interface RollbackSettings extends WaitSettings {
  /** Workloads that were good before the run, by key. */
  readonly before: ReadonlyMap<string, GoodState>;
  /** Gives a workload its template back, and files that have changed since their content. */
  readonly restore: (workload: KubeObject, good: GoodState) => Promise<void>;
}

/**
 * Waits until all of these objects are ready. A workload that asks for it goes back to its last good template when it does not
 * get ready, and that is waited for too.
 *
 * @throws NotReadyError, whose message then says what went back
 */
export async function waitOrGoBack(objects: readonly KubeObject[], settings: RollbackSettings): Promise<void> {
  try {
    await waitUntilReady(objects, settings);
  } catch (error) {
    if (!(error instanceof NotReadyError)) throw error;
    const said = await goBack(error.objects.filter(goesBack), settings);
    throw said.length === 0 ? error : new NotReadyError([error.message, ...said].join("\n"), error.objects);
  }
}

/** Answers a line for each workload. */
async function goBack(failed: readonly KubeObject[], settings: RollbackSettings): Promise<string[]> {
  const { kubectl, log, restore } = settings;
  const lines: string[] = [];
  for (const workload of failed) {
    settings.mayGoOn?.();
    const name = describe(identityOf(workload));
    const good = await lastGood(workload, settings);
    if (typeof good === "string") {
      lines.push(`${name} stays as it is: ${good}`);
      continue;
    }
    log(`${name} goes back to its last good template (image ${imagesOf(good.template)})`);
    try {
      await restore(workload, good);
      await removeBadPods(kubectl, workload);
      await waitUntilReady([workload], settings);
      lines.push(
        `${name} is back at its last good template (image ${imagesOf(good.template)}), and ready; what was asked for is still to be done, so mend it and run up again`,
      );
    } catch (error) {
      if (!(error instanceof Error) || error.name === "Interrupted") throw error;
      lines.push(`${name} could not go back to its last good template: ${error.message}`);
    }
  }
  return lines;
}

/** What a workload can go back to, or why it cannot. */
async function lastGood(workload: KubeObject, { kubectl, before }: RollbackSettings): Promise<GoodState | string> {
  const known = before.get(keyOf(identityOf(workload)));
  if (known === undefined) {
    const template = await servingTemplate(kubectl, workload);
    return template === undefined ? "there is no earlier template of it that was good" : { template, files: [] };
  }
  const changed = !sameTemplate(known.template, templateOf(workload)) || (await haveChanged(kubectl, known.files));
  return changed ? known : "it was good with the same template and files before this run";
}

async function haveChanged(kubectl: Kubectl, files: readonly KubeObject[]): Promise<boolean> {
  if (files.length === 0) return false;
  const now = new LiveObjects(await kubectl.get(files.map(identityOf)));
  const text = (file: KubeObject | undefined) => JSON.stringify(file && contentOf(file));
  return files.some((file) => text(file) !== text(now.find(identityOf(file))));
}

function sameTemplate(a: Template, b: Template): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * A StatefulSet waits for its stuck pod before it replaces it, even by a good one.
 *
 * @see kubernetes.io/docs/concepts/workloads/controllers/statefulset, "Forced rollback"
 */
async function removeBadPods(kubectl: Kubectl, { kind, metadata, status }: KubeObject): Promise<void> {
  const { updateRevision } = (status ?? {}) as { updateRevision?: string };
  if (kind !== "StatefulSet" || updateRevision === undefined) return;
  const selector = `controller-revision-hash=${updateRevision}`;
  await kubectl.call(["delete", "pods", "-n", metadata.namespace ?? "default", "-l", selector, "--wait=false"]);
}

function imagesOf(template: Template): string {
  const { containers = [] } = (template["spec"] ?? {}) as { containers?: { image?: string }[] };
  return containers.map(({ image }) => image ?? "unknown").join(", ");
}

/** Restores by server-side apply, so that all fields stay ours and the next run can take out whatever this one put back. */
export function restoreByApply(kubectl: Kubectl, changes: readonly ObjectChange[]): RollbackSettings["restore"] {
  const wanted = new Map(changes.map(({ object }) => [keyOf(identityOf(object)), object]));
  return async (workload, { template, files }) => {
    const object = wanted.get(keyOf(identityOf(workload)));
    if (object === undefined) return;
    const contents = files.flatMap((file) => {
      const now = wanted.get(keyOf(identityOf(file)));
      return now === undefined || now["immutable"] === true ? [] : [withContent(now, file)];
    });
    const spec = { ...(object["spec"] as object), template };
    await kubectl.apply([...contents, { ...object, spec }], { dryRun: false });
  };
}

/**
 * Restores in the name under which Pulumi's provider writes without server-side apply: its next update makes what that name
 * has written its own.
 */
export function restoreByReplace(kubectl: Kubectl): RollbackSettings["restore"] {
  return async (workload, { template, files }) => {
    for (let attempt = 1; ; attempt++) {
      const now = await kubectl.get([identityOf(workload), ...files.map(identityOf)]);
      const then = new Map(files.map((file) => [keyOf(identityOf(file)), file]));
      const restored = now.flatMap((object): KubeObject[] => {
        const file = then.get(keyOf(identityOf(object)));
        if (file === undefined) return [{ ...object, spec: { ...(object["spec"] as object), template } }];
        return object["immutable"] === true ? [] : [withContent(object, file)];
      });
      try {
        await kubectl.replace(restored, { dryRun: false, manager: "pulumi-kubernetes" });
        return;
      } catch (error) {
        // A controller may have written the object since we read it.
        if (!(error instanceof KubectlError) || !/has been modified/.test(error.message) || attempt === 5) throw error;
      }
    }
  };
}

function withContent(file: KubeObject, then: KubeObject): KubeObject {
  return { ...(without(file, "data", "binaryData") as unknown as KubeObject), ...contentOf(then) };
}

function contentOf(file: KubeObject): { data?: unknown; binaryData?: unknown } {
  const { data, binaryData } = file;
  return { ...(data === undefined ? {} : { data }), ...(binaryData === undefined ? {} : { binaryData }) };
}
