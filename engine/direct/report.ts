import { count } from "../words.ts";
import type { ChangePlan } from "./changes.ts";
import { showChange } from "./diff.ts";
import type { HostStepResult } from "./host-step.ts";
import type { ImageResult } from "./image.ts";
import { describe, identityOf } from "./objects.ts";
import type { Evaluation } from "./session.ts";

export interface Counts {
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
  readonly unchanged: number;
}

export function countChanges(plan: ChangePlan): Counts {
  const of = (...actions: string[]) => plan.changes.filter(({ action }) => actions.includes(action)).length;
  return {
    created: of("create"),
    changed: of("update", "adopt"),
    deleted: plan.removals.filter(({ keptBecause }) => keptBecause === undefined).length,
    unchanged: of("same"),
  };
}

/** What has been done, or with `toBe`, what `up` would do. */
export function summarize({ created, changed, deleted, unchanged }: Counts, toBe = false): string {
  const verb = toBe ? "to be " : "";
  return `${created} ${verb}created, ${changed} ${verb}changed, ${deleted} ${verb}deleted, ${unchanged} unchanged`;
}

/** One line for each object that comes, changes or goes; unchanged ones have none. */
export function objectLines(plan: ChangePlan): string[] {
  const lines: string[] = [];
  for (const { action, fields, object } of plan.changes) {
    const name = describe(identityOf(object));
    if (action === "create") lines.push(`+ ${name}`);
    if (action === "adopt") lines.push(`~ ${name}  (taken over as it is)`);
    if (action !== "update") continue;
    if (fields.length <= 2) lines.push(`~ ${name}  ${fields.map(showChange).join("; ")}`);
    else lines.push(`~ ${name}`, ...fields.map((field) => `    ${showChange(field)}`));
  }
  for (const { entry, keptBecause } of plan.removals) {
    lines.push(keptBecause === undefined ? `- ${describe(entry)}` : `! ${describe(entry)} stays: ${keptBecause}`);
  }
  return lines;
}

/** What a preview says of images and host steps that `up` would make. */
export function previewLines(images: readonly ImageResult[], steps: readonly HostStepResult[]): string[] {
  return [
    ...images.filter(({ built }) => built).map(({ name }) => `~ image ${name}  (built and pushed by up)`),
    ...steps
      .filter(({ action }) => action !== "same")
      .map(({ name, host, action }) => `${action === "new" ? "+" : "~"} host step ${name} on ${host}  (run by up)`),
  ];
}

/** The one line of an `up` that found everything as it should be. */
export function nothingToChange({ objects, steps, images }: Evaluation): string {
  const references = images.map(({ reference }) => reference ?? "unknown");
  const parts = [
    count(objects.length, "object"),
    count(steps.length, "host step"),
    ...(references.length === 0 ? [] : [`image ${references.join(", ")}`]),
  ];
  return `nothing to change: ${parts.join(", ")}`;
}

/** A preview for programs to read. */
export function previewJson(stack: string, evaluation: Pick<Evaluation, "images" | "steps">, plan: ChangePlan): object {
  return {
    stack,
    engine: "direct",
    summary: countChanges(plan),
    images: evaluation.images,
    steps: evaluation.steps,
    objects: [
      ...plan.changes
        .filter(({ action }) => action !== "same")
        .map(({ action, fields, object }) => ({
          action,
          ...identityOf(object),
          fields: fields.map((field) => ({ path: field.path, change: showChange(field) })),
        })),
      ...plan.removals.map(({ entry: { apiVersion, kind, namespace, name }, keptBecause }) => ({
        action: keptBecause === undefined ? "delete" : "keep",
        ...{ apiVersion, kind, namespace, name },
        ...(keptBecause === undefined ? {} : { keptBecause }),
      })),
    ],
  };
}
