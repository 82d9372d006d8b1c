import { parser } from "@prometheus-io/lezer-promql";

/** The selectors of series in an expression, each once, as they are written. */
export function selectors(expression: string): string[] {
  const found = new Set<string>();
  parser.parse(expression).iterate({
    enter: ({ name, from, to }) => {
      if (name === "VectorSelector") found.add(expression.slice(from, to));
    },
  });
  return [...found];
}
