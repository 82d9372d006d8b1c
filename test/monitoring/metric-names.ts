import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { expressionProblems } from "../../components/plan/monitoring/promql.ts";
import { unquoted } from "../../components/plan/monitoring/promql-strings.ts";

/**
 * Names of the series that an expression reads, sorted, each once. A name that is matched by a pattern is none.
 *
 * @throws Error naming the place of what is wrong where the expression is no PromQL
 */
export function metricNames(expression: string): string[] {
  const [problem] = expressionProblems(expression);
  if (problem) throw new Error(`${expression}: at ${problem.line}:${problem.column}, ${problem.text}`);
  const found = new Set<string>();
  parser.parse(expression).iterate({
    enter: ({ node, name }) => {
      const textOf = (child: SyntaxNode | null) => (child ? expression.slice(child.from, child.to) : "");
      if (name === "Identifier") found.add(textOf(node));
      if (name === "QuotedLabelName" && node.parent?.name === "LabelMatchers") found.add(unquoted(textOf(node)));
      if (name !== "UnquotedLabelMatcher" || textOf(node.getChild("LabelName")) !== "__name__") return;
      if (textOf(node.getChild("MatchOp")) === "=") found.add(unquoted(textOf(node.getChild("StringLiteral"))));
    },
  });
  return [...found].sort();
}
