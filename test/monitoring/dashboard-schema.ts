import { join } from "node:path";
import ts from "typescript";
import type { DashboardFile } from "../../components/plan/monitoring/dashboards.ts";

/**
 * Dashboards as the types of Grafana's foundation SDK have them, as far as JSON can: an enum is its values, and a field that
 * the types do not have is an error. Grafana adds what options leave out, so these may.
 */
const types = `
import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import type * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import type * as loki from "@grafana/grafana-foundation-sdk/loki";
import type * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import type * as stat from "@grafana/grafana-foundation-sdk/stat";
import type * as table from "@grafana/grafana-foundation-sdk/table";
import type * as logs from "@grafana/grafana-foundation-sdk/logs";

type Json<T> = unknown extends T ? T
  : T extends string ? \`\${T}\`
  : T extends number | boolean | null | undefined ? T
  : T extends readonly (infer E)[] ? Json<E>[]
  : { [K in keyof T as T[K] extends (...args: never) => unknown ? never : K]: Json<T[K]> };
type Some<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;

/** Grafana ships Zipkin's query without a type in the SDK; these are its fields. */
interface ZipkinQuery { refId: string; query: string; queryType: "traceID" }
type Target = Json<prometheus.Dataquery> | Json<loki.dataquery> | ZipkinQuery;
type Whole = Json<dashboard.Panel>;
type Field = NonNullable<Whole["fieldConfig"]>;
interface PanelOf<Type extends string, Options, Custom> extends Omit<Whole, "type" | "options" | "targets" | "fieldConfig"> {
  type: Type;
  options?: Some<Json<Options>>;
  targets: Target[];
  fieldConfig: Omit<Field, "defaults"> & { defaults: Omit<Field["defaults"], "custom"> & { custom?: Some<Json<Custom>> } };
}
type AnyPanel =
  | PanelOf<"timeseries", timeseries.Options, timeseries.FieldConfig>
  | PanelOf<"stat", stat.Options, object>
  | PanelOf<"table", table.Options, table.FieldConfig>
  | PanelOf<"logs", logs.Options, object>
  | PanelOf<"traces", object, object>;
interface Dashboard extends Omit<Json<dashboard.Dashboard>, "panels"> { panels: AnyPanel[] }
`;

const root = join(import.meta.dirname, "../..");
const options: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2024,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: [],
};

/** Everything in dashboards that Grafana's types do not allow, by file and panel. */
export function schemaProblems(files: readonly Pick<DashboardFile, "file" | "text">[]): string[] {
  const virtual = join(root, "test/monitoring/dashboards-as-types.ts");
  const declared = files.map(({ text }, index) => `const dashboard${index}: Dashboard = ${text.trim()};\n`);
  const starts = declared.map((_, index) => types.length + declared.slice(0, index).join("").length);
  const source = types + declared.join("");
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) =>
    name === virtual
      ? ts.createSourceFile(name, source, options.target ?? ts.ScriptTarget.ES2024)
      : read(name, ...rest);
  const program = ts.createProgram([virtual], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ start = 0, messageText }) => {
    const index = starts.findLastIndex((begin) => begin <= start);
    const title = /"title": "([^"]*)"(?![\s\S]*"title":)/.exec(source.slice(starts[index] ?? 0, start))?.[1];
    const place = `${files[index]?.file ?? "the types"}${title === undefined ? "" : `, near "${title}"`}`;
    return `${place}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}
