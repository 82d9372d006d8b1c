import type { DashboardFile } from "../../components/plan/monitoring/dashboards.ts";

export interface Target {
  readonly refId: string;
  /** PromQL or LogQL; a datasource of traces has `query`. */
  readonly expr?: string;
  readonly query?: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly fieldConfig: { readonly defaults: { readonly unit?: string } };
  readonly targets: readonly Target[];
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly datasource?: { readonly uid: string };
  readonly query?: string | { readonly query?: string; readonly label?: string; readonly stream?: string };
  readonly includeAll?: boolean;
  readonly allValue?: string;
}

export interface Dashboard {
  readonly file: string;
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

export function readDashboards(files: readonly DashboardFile[]): Dashboard[] {
  return files.map(({ file, text }) => ({ ...(JSON.parse(text) as Dashboard), file }));
}

/** What a dashboard's form lacks, by its file and panel, that no type asks for. */
export function formProblems({ file, panels }: Dashboard): string[] {
  return panels.flatMap((panel, index) => {
    const covered = panels.slice(0, index).find((other) => overlap(panel.gridPos, other.gridPos));
    const { x, w } = panel.gridPos;
    const lacks = [
      panel.title ? "" : "has no title",
      panel.description ? "" : "has no description",
      panel.fieldConfig.defaults.unit ? "" : "has no unit",
      panel.targets.length > 0 ? "" : "asks for nothing",
      covered ? `lies over "${covered.title}"` : "",
      x + w > 24 ? "is wider than the page" : "",
      ...panel.targets.map(({ refId, legendFormat }) =>
        panel.type === "logs" || panel.type === "traces" || legendFormat ? "" : `has no legend for ${refId}`,
      ),
    ];
    return lacks.filter((lack) => lack !== "").map((lack) => `${file}, "${panel.title}" ${lack}`);
  });
}

function overlap(a: Panel["gridPos"], b: Panel["gridPos"]): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** Values of what Grafana itself puts into an expression, for a graph of the last quarter of an hour. */
export interface Surroundings {
  readonly scrapeIntervalSeconds: number;
}

/** Distance between two points of a graph, in seconds. */
export const stepSeconds = 60;

/** An expression with values in place of its variables, as Grafana puts them in. */
export function filledIn(
  expression: string,
  values: Readonly<Record<string, string>>,
  { scrapeIntervalSeconds }: Surroundings,
): string {
  const all: Record<string, string> = {
    ...values,
    __interval: `${stepSeconds}s`,
    __auto: `${stepSeconds}s`,
    __range: "1h",
    __rate_interval: `${Math.max(stepSeconds + scrapeIntervalSeconds, 4 * scrapeIntervalSeconds)}s`,
  };
  return expression.replaceAll(/\$(?:\{(\w+)(?::\w+)?\}|([A-Za-z_]\w*))/g, (whole, braced?: string, plain?: string) => {
    const value = all[braced ?? plain ?? ""];
    if (value === undefined) throw new Error(`${expression}: ${whole} is no variable of the dashboard`);
    return value;
  });
}
