import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type ChartObject, type ChartPlan, planChart, resourceName, resourceType } from "../plan/platform/chart.ts";

export interface ChartArgs {
  /** Path of the program helm. */
  readonly helm: string;
  /** Folder or archive of the chart, or its name in `repository`. */
  readonly chart: string;
  /** URL of a chart repository. @default none: `chart` is a folder or an archive */
  readonly repository?: string | undefined;
  /** Version in the repository. */
  readonly version?: string | undefined;
  /** @default the component's name */
  readonly releaseName?: string;
  /** Namespace of what names none; it must be there. Plain: it is in what the chart renders. */
  readonly namespace: string;
  /** Plain: they decide which objects there are. They are given to helm by its standard input, and are in no command line. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Version that the chart takes the cluster for, such as 1.37.2. A render asks no cluster. @default helm's own */
  readonly kubernetesVersion?: string | undefined;
  /** What all of its objects come after, and are taken away before. A component's own `dependsOn` says so of none of its children. @default nothing */
  readonly after?: readonly pulumi.Resource[];
  /** Fields of an object that others change in the cluster: paths such as `webhooks[0].failurePolicy`. @default none */
  readonly changedByOthers?: (object: ChartObject) => readonly string[];
  /**
   * Folder where objects are kept once they are rendered. For a chart whose content never changes under its path and version, and
   * whose values hold no secret. @default it is rendered each time
   */
  readonly keptIn?: string | undefined;
}

/** Helm waits for nothing here; only a repository that does not answer takes as long. */
const timeoutMilliseconds = 120_000;
const maxOutputBytes = 64 * 1024 * 1024;

/** One object of the Kubernetes API, of whatever kind a chart has. */
class ChartResource extends pulumi.CustomResource {}

/**
 * A chart, as `helm template` prints it: each object is a resource of its own, so that both engines make the same ones, and a
 * preview shows what changes in each. What a chart's Secrets hold is secret in the state.
 */
export class Chart extends pulumi.ComponentResource {
  readonly objects: readonly pulumi.CustomResource[];

  constructor(name: string, args: ChartArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:Chart", name, {}, opts);
    const { namespace } = args;
    const { first, rest } = chartPlan(name, args);
    const make = (object: ChartObject, dependsOn: readonly pulumi.CustomResource[]) =>
      new ChartResource(resourceType(object), resourceName(name, object, namespace), inputs(object), {
        parent: this,
        dependsOn: [...(args.after ?? []), ...dependsOn],
        ignoreChanges: [...(args.changedByOthers?.(object) ?? [])],
      });
    const before = first.map((object) => make(object, []));
    this.objects = [...before, ...rest.map((object) => make(object, before))];
    this.registerOutputs({});
  }
}

function chartPlan(name: string, args: ChartArgs): ChartPlan {
  const file = args.keptIn === undefined ? undefined : join(args.keptIn, `${renderingKey(name, args)}.json`);
  if (file !== undefined && existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as ChartPlan;
  const render = () => helmTemplate(name, args);
  const plan = planChart(name, render(), render(), args.namespace);
  if (file !== undefined) {
    mkdirSync(dirname(file), { recursive: true });
    // By another name first: whoever reads it meanwhile reads all of it.
    const half = `${file}.${randomUUID()}`;
    writeFileSync(half, JSON.stringify(plan));
    renameSync(half, file);
  }
  return plan;
}

/** Raised when a plan of the same rendering changes, so that none that is kept is used again. */
const planFormat = 2;

function renderingKey(name: string, args: ChartArgs): string {
  const { helm, chart, repository, version, releaseName, namespace, values, kubernetesVersion } = args;
  const given = [planFormat, name, helm, chart, repository, version, releaseName, namespace, values, kubernetesVersion];
  return createHash("sha256").update(JSON.stringify(given)).digest("hex").slice(0, 24);
}

function helmTemplate(name: string, args: ChartArgs): string {
  const { chart, repository, version, kubernetesVersion } = args;
  const flags = [
    ...(repository === undefined ? [] : ["--repo", repository]),
    ...(version === undefined ? [] : ["--version", version]),
    ...(kubernetesVersion === undefined ? [] : ["--kube-version", kubernetesVersion]),
    ...["--namespace", args.namespace, "--include-crds", "--values", "-"],
  ];
  try {
    return execFileSync(args.helm, ["template", args.releaseName ?? name, chart, ...flags], {
      input: JSON.stringify(args.values),
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
      timeout: timeoutMilliseconds,
      maxBuffer: maxOutputBytes,
    });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() ?? "";
    const reason = said === "" ? (error as Error).message : said.split("\n").at(-1);
    throw new Error(`chart ${chart} of ${name} cannot be rendered: ${reason}`, { cause: error });
  }
}

function inputs(object: ChartObject): Record<string, unknown> {
  if (object.kind !== "Secret" || object.apiVersion !== "v1") return object;
  const { data, stringData, ...rest } = object;
  return {
    ...rest,
    ...(data === undefined ? {} : { data: pulumi.secret(data) }),
    ...(stringData === undefined ? {} : { stringData: pulumi.secret(stringData) }),
  };
}
