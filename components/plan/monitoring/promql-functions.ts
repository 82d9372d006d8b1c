/** What an expression or a part of it is. */
export type Kind = "scalar" | "vector" | "matrix" | "string";

/** What a function takes. */
export interface Parameters {
  readonly kinds: readonly Kind[];
  readonly least: number;
  /** Absent where the last kind may be repeated. */
  readonly most?: number;
}

/** By what they take: `?` may be left out, `*` may be repeated or left out. */
const byParameters: Readonly<Record<string, string>> = {
  "": "pi time",
  scalar: "vector",
  vector:
    "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count " +
    "histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad scalar sgn sin sinh sort sort_desc sqrt tan " +
    "tanh timestamp",
  "vector?": "day_of_month day_of_week day_of_year days_in_month hour minute month year",
  "vector scalar": "clamp_max clamp_min",
  "vector scalar?": "round",
  "vector scalar scalar": "clamp",
  "vector string string string string": "label_replace",
  "vector string string string*": "label_join",
  "scalar vector": "histogram_quantile",
  "scalar scalar vector": "histogram_fraction",
  matrix:
    "absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate last_over_time " +
    "max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time",
  "matrix scalar": "predict_linear",
  "scalar matrix": "quantile_over_time",
};

/** Functions of Prometheus 3.5 that it has without a feature flag, by name. @see its promql/parser/functions.go */
const functions = new Map(
  Object.entries(byParameters).flatMap(([signature, names]) =>
    names.split(" ").map((name) => [name, parameters(signature)] as const),
  ),
);

export const functionNames: readonly string[] = [...functions.keys()];

/** What a function takes; undefined for one that only a feature flag gives. */
export function parametersOf(name: string): Parameters | undefined {
  return functions.get(name);
}

/** What it gives. */
export function resultOf(name: string): Kind {
  return ["pi", "scalar", "time"].includes(name) ? "scalar" : "vector";
}

function parameters(signature: string): Parameters {
  const words = signature === "" ? [] : signature.split(" ");
  const kinds = words.map((word) => word.replace(/[?*]$/, "") as Kind);
  const optional = words.filter((word) => /[?*]$/.test(word)).length;
  const endless = signature.endsWith("*");
  return { kinds, least: kinds.length - optional, ...(endless ? {} : { most: kinds.length }) };
}
