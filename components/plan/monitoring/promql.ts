import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { didYouMean } from "../problems.ts";
import { functionNames } from "./promql-functions.ts";
import { type Fault, typeProblems } from "./promql-types.ts";

/** One thing that is wrong with an expression: where in it, from 1, and what, with the fix after a semicolon. */
export interface ExpressionProblem {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** Everything that Prometheus would refuse an expression for, and what it would take but never evaluate as a rule. */
export function expressionProblems(expression: string): ExpressionProblem[] {
  const tree = parser.parse(expression).topNode;
  const broken = firstError(tree);
  const faults = broken ? [syntaxFault(expression, broken)] : typeProblems(tree, expression);
  return faults.map(({ at, text }) => {
    const before = expression.slice(0, at).split("\n");
    return { line: before.length, column: (before.at(-1) ?? "").length + 1, text };
  });
}

function firstError(tree: SyntaxNode): SyntaxNode | undefined {
  let found: SyntaxNode | undefined;
  tree.cursor().iterate(({ type, node }) => {
    if (type.isError && (!found || node.from < found.from)) found = node;
    return !found;
  });
  return found;
}

function syntaxFault(expression: string, { from }: SyntaxNode): Fault {
  if (expression.trim() === "") return { at: 0, text: "is empty; write an expression" };
  const called = /([A-Za-z_]\w*)\s*$/.exec(expression.slice(0, from))?.[1];
  const rest = /^\s*([A-Za-z_:][\w:]*|\S)/.exec(expression.slice(from));
  if (called !== undefined && rest?.[1] === "(") {
    const meant = didYouMean(called, functionNames);
    const fix = meant === undefined ? "use one that Prometheus has" : `did you mean ${meant}?`;
    return { at: expression.lastIndexOf(called, from), text: `${called} is no function; ${fix}` };
  }
  const token = rest?.[1];
  if (token === undefined) {
    const open = lastOpen(expression);
    const bracket = /[([{]/.exec(expression[open ?? from] ?? "")?.[0];
    if (open !== undefined) return { at: open, text: `${bracket ?? "a text"} is not closed; close it` };
    return { at: from, text: "something is missing at the end; write it" };
  }
  const at = from + rest![0].length - token.length;
  return { at, text: `"${token}" cannot stand here; take it away, or write what is missing before it` };
}

/** Where the innermost bracket or text begins that nothing closes. */
function lastOpen(expression: string): number | undefined {
  const open: number[] = [];
  const tokens = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|#.*|["'`][^]*|[([{]|[)\]}]/g;
  for (const { 0: token, index } of expression.matchAll(tokens)) {
    if (/^[)\]}]/.test(token)) open.pop();
    else if (/^[([{]|^(["'`])(?!.*\1$)/s.test(token)) open.push(index);
  }
  return open.at(-1);
}
