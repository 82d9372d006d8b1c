import { type ChangePlan, planChanges } from "./changes.ts";
import { makeImportFile } from "../import-file.ts";
import { pulumiId } from "./objects.ts";
import { countChanges, objectLines, previewJson, previewLines, summarize } from "./report.ts";
import { type Evaluation, evaluate, openCluster, type Session } from "./session.ts";

/** Says what `up` would change; changes nothing. With `json`, answers the same for programs to read. */
export async function preview(session: Session, json: boolean): Promise<object | undefined> {
  const evaluation = await evaluate(session, "preview");
  session.judge?.(evaluation.objects);
  const plan = await planOf(session, evaluation);
  if (json) return { ...previewJson(session.config.stack, evaluation, plan), import: importOf(evaluation, plan) };
  for (const line of [...previewLines(evaluation.images, evaluation.steps), ...objectLines(plan)]) session.log(line);
  session.log(summarize(countChanges(plan), true));
  return undefined;
}

/** What `pulumi import --file` would take to manage the same objects; without the provider's secrets. */
function importOf({ resources }: Evaluation, plan: ChangePlan): object {
  const present = plan.changes
    .filter(({ live }) => live !== undefined)
    .map(({ desired }) => ({ urn: desired.urn, id: pulumiId(desired.object) }));
  const { nameTable, resources: specs } = makeImportFile(resources, present);
  return { nameTable, resources: specs };
}

/** While the cluster is only to be made, every object is to be created. */
async function planOf(session: Session, { cluster, waves, objects }: Evaluation): Promise<ChangePlan> {
  if (cluster !== undefined) return planChanges(await openCluster(session, cluster), session.config.stack, waves);
  if (objects.length > 0) session.log("the cluster is not there yet, so all of its objects are new");
  const changes = waves
    .flatMap((wave) => wave.objects)
    .map((desired) => ({ desired, action: "create" as const, fields: [], live: undefined, object: desired.object }));
  return { changes, removals: [], inventory: undefined };
}
