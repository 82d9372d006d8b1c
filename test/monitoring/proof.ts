import { expressionProblems } from "../../components/plan/monitoring/promql.ts";
import { metricNames } from "./metric-names.ts";
import { type Dashboard, filledIn, stepSeconds, type Surroundings, type Variable } from "./panels.ts";
import type { PrometheusApi } from "./prometheus-api.ts";
import type { RecordingRule } from "./scratch-prometheus.ts";
import { selectors } from "./selectors.ts";

/** Where series are looked for. */
export interface Sources {
  /** The stack's own Prometheus. */
  readonly live: PrometheusApi;
  /** The series of parts that this stack has not, with those of `live` and what is recorded from both. */
  readonly written: PrometheusApi;
  /** Series that a part makes only when something happens or fails: what an alert may name, and no panel may live on. */
  readonly events: PrometheusApi;
}

type Origin = "live" | "written" | "events" | undefined;

/** Proves expressions against real series, and remembers where each selector's series were found. */
export class Proof {
  readonly #sources: Sources;
  readonly #surroundings: Surroundings;
  readonly #found = new Map<string, Promise<Origin>>();

  constructor(sources: Sources, surroundings: Surroundings) {
    this.#sources = sources;
    this.#surroundings = surroundings;
  }

  /** What is wrong with the panels and variables of a dashboard, by name: all that asks Prometheus. */
  async dashboard(dashboard: Dashboard): Promise<string[]> {
    const { values, problems } = await this.#variables(dashboard);
    const asked = dashboard.panels
      .filter(({ datasource }) => datasource.uid === "prometheus")
      .flatMap((panel) => panel.targets.map((target) => ({ panel, target })));
    const found = await Promise.all(
      asked.map(async ({ panel, target: { refId, expr = "", instant = false } }) => {
        const problem = await this.#panel(filledIn(expr, values, this.#surroundings), instant);
        return problem === undefined ? [] : [`${dashboard.file}, "${panel.title}" (${refId}) ${problem}`];
      }),
    );
    return [...problems, ...found.flat()];
  }

  /** What is wrong with the expression of a rule. Its result may be empty: an alert's is, unless something is wrong. */
  async rule(expression: string): Promise<string | undefined> {
    const [broken] = expressionProblems(expression);
    if (broken) return `does not parse: ${broken.text}`;
    const origins = await this.#origins(expression);
    const nowhere = [...origins].filter(([, origin]) => origin === undefined).map(([selector]) => selector);
    return nowhere.length === 0 ? undefined : `names what nothing makes: ${nowhere.join(", ")}`;
  }

  async #panel(expression: string, instant: boolean): Promise<string | undefined> {
    const [broken] = expressionProblems(expression);
    if (broken) return `does not parse: ${broken.text}; ${expression}`;
    const origins = await this.#origins(expression);
    const names = metricNames(expression);
    const unknown = await Promise.all(names.map(async (name) => ((await this.#origin(name)) ? [] : [name])));
    if (unknown.flat().length > 0) return `names what nothing makes: ${unknown.flat().join(", ")}`;
    const { live, written } = this.#sources;
    // A file may stand in only for what is not here.
    const source = [...origins.values()].includes("written") ? written : live;
    const numbers = await source.numbers(expression, { instant, stepSeconds });
    return numbers.length > 0 ? undefined : `would be empty: ${expression}`;
  }

  async #origins(expression: string): Promise<Map<string, Origin>> {
    const all = selectors(expression).map(async (selector) => [selector, await this.#origin(selector)] as const);
    return new Map(await Promise.all(all));
  }

  #origin(selector: string): Promise<Origin> {
    const known = this.#found.get(selector) ?? this.#look(selector);
    this.#found.set(selector, known);
    return known;
  }

  async #look(selector: string): Promise<Origin> {
    for (const origin of ["live", "written", "events"] as const)
      if (await this.#sources[origin].has(selector)) return origin;
    return undefined;
  }

  /** The values that a dashboard opens with; each query must give some. */
  async #variables({ file, templating }: Dashboard): Promise<{ values: Record<string, string>; problems: string[] }> {
    const values: Record<string, string> = {};
    const problems: string[] = [];
    for (const variable of templating.list) {
      if (variable.datasource?.uid !== "prometheus") continue;
      const [first] = await this.#choices(variable, values);
      if (first === undefined) problems.push(`${file}, variable ${variable.name} has no value to choose`);
      values[variable.name] = variable.includeAll ? (variable.allValue ?? ".*") : (first ?? "");
    }
    return { values, problems };
  }

  async #choices({ query, name }: Variable, values: Readonly<Record<string, string>>): Promise<string[]> {
    const text = typeof query === "string" ? query : (query?.query ?? "");
    const call = /^label_values\((?:(.+), *)?(\w+)\)$/.exec(text);
    if (!call) throw new Error(`variable ${name}: ${text} is no query of a label's values`);
    const [, selector, label = ""] = call;
    const filled = selector && filledIn(selector, values, this.#surroundings);
    const origin = filled ? await this.#origin(filled) : "live";
    return origin === undefined ? [] : this.#sources[origin].labelValues(label, filled);
  }
}

/** The rules that read a series of these names, or what such a rule records; those that nothing written touches stay away. */
export function rulesOn(names: readonly string[], rules: readonly RecordingRule[]): RecordingRule[] {
  const touched = new Set(names);
  let before: number;
  do {
    before = touched.size;
    for (const { record, expr } of rules) if (metricNames(expr).some((name) => touched.has(name))) touched.add(record);
  } while (touched.size > before);
  return rules.filter(({ expr }) => metricNames(expr).some((name) => touched.has(name)));
}
