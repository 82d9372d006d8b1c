import type { SyntaxNode } from "@lezer/common";
import { type Kind, parametersOf, resultOf } from "./promql-functions.ts";
import { stringFault, unquoted } from "./promql-strings.ts";
import { matchesEmpty, re2Fault } from "./re2.ts";

const comparisons = ["==", "!=", ">", "<", ">=", "<="];
const setOperators = ["and", "or", "unless"];
/** Aggregations that take a parameter before the vector, and what it is. */
const aggregationParameters: Readonly<Record<string, Kind>> = {
  bottomk: "scalar",
  count_values: "string",
  quantile: "scalar",
  topk: "scalar",
};
const experimental = "needs a feature flag that this stack's Prometheus has not; do without it";
const aroundRange = "put rate(), increase() or a function that ends in _over_time around it";
const words: Readonly<Record<Kind, string>> = {
  scalar: "a number",
  vector: "an instant vector",
  matrix: "a range vector",
  string: "a text",
};

/** What is wrong at a place of an expression, counted in characters. */
export interface Fault {
  readonly at: number;
  readonly text: string;
}

/** An expression that is being looked at, and what was found so far. */
interface Look {
  readonly source: string;
  readonly faults: Fault[];
}

/** What is wrong with an expression whose form is right: a rule is a vector or a number, its parts fit each other. */
export function typeProblems(tree: SyntaxNode, source: string): Fault[] {
  const look: Look = { source, faults: [] };
  const [whole] = expressions(tree);
  if (whole) expect(look, whole, ["vector", "scalar"], "a rule");
  checkLiterals(look, tree);
  return look.faults.sort((a, b) => a.at - b.at);
}

function expressions(node: SyntaxNode | null): SyntaxNode[] {
  return node ? node.getChildren("Expr") : [];
}

function fault({ faults }: Look, { from }: SyntaxNode, text: string): void {
  faults.push({ at: from, text });
}

function textOf({ source }: Look, node: SyntaxNode | null): string {
  return node ? source.slice(node.from, node.to) : "";
}

/** What a part is; undefined where it is not wanted there, of which a fault tells. */
function expect(look: Look, node: SyntaxNode, wanted: readonly Kind[], where: string): Kind | undefined {
  const kind = kindOf(look, node);
  if (kind === undefined || wanted.includes(kind)) return kind;
  const fix =
    kind === "matrix" && wanted.includes("vector")
      ? aroundRange
      : kind === "vector" && wanted.includes("matrix")
        ? "give it a range, such as [5m]"
        : `write ${words[wanted[0] ?? "vector"]}`;
  const allowed = wanted.map((one) => words[one]).join(" or ");
  fault(look, node, `${excerpt(look, node)} is ${words[kind]}, but ${where} takes ${allowed}; ${fix}`);
  return undefined;
}

function excerpt(look: Look, node: SyntaxNode): string {
  const text = textOf(look, node).replace(/\s+/g, " ");
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** What a part is; undefined where that is not known, of which a fault tells. */
function kindOf(look: Look, node: SyntaxNode): Kind | undefined {
  const [inner] = expressions(node);
  switch (node.name) {
    case "NumberDurationLiteral":
      return "scalar";
    case "StringLiteral":
      return "string";
    case "VectorSelector":
      return "vector";
    case "ParenExpr":
      return inner && kindOf(look, inner);
    case "UnaryExpr":
      return inner && expect(look, inner, ["vector", "scalar"], "a sign");
    case "MatrixSelector":
    case "SubqueryExpr":
      return rangeKind(look, node, inner);
    case "OffsetExpr":
    case "StepInvariantExpr":
      return shiftedKind(look, node, inner);
    case "AggregateExpr":
      return aggregateKind(look, node);
    case "FunctionCall":
      return callKind(look, node);
    case "BinaryExpr":
      return binaryKind(look, node);
    default:
      fault(look, node, `${textOf(look, node)} ${experimental}`);
      return undefined;
  }
}

/** What offset, @ or a range after a part is about: the grammar gives it the whole sum before, Prometheus its last part. */
function lastPart(node: SyntaxNode): SyntaxNode {
  const last = ["BinaryExpr", "UnaryExpr"].includes(node.name) ? expressions(node).at(-1) : undefined;
  return last ? lastPart(last) : node;
}

function rangeKind(look: Look, node: SyntaxNode, inner: SyntaxNode | undefined): Kind | undefined {
  if (!inner) return undefined;
  const last = lastPart(inner);
  if (last !== inner) {
    const range = look.source.slice(last.from, node.to);
    kindOf(look, inner);
    fault(look, last, `${range} is a range vector, but stands beside an operator; ${aroundRange}`);
    return undefined;
  }
  if (node.name === "SubqueryExpr") expect(look, inner, ["vector"], "a subquery");
  else if (inner.name !== "VectorSelector") {
    fault(look, inner, `${excerpt(look, inner)} is no series, so it takes a step too; write [5m:] for [5m]`);
  }
  return "matrix";
}

function shiftedKind(look: Look, node: SyntaxNode, inner: SyntaxNode | undefined): Kind | undefined {
  if (!inner) return undefined;
  const last = lastPart(inner);
  const shiftable = ["VectorSelector", "MatrixSelector", "SubqueryExpr", "OffsetExpr", "StepInvariantExpr"];
  if (!shiftable.includes(last.name)) {
    const modifier = node.name === "OffsetExpr" ? "offset" : "@";
    fault(look, last, `${excerpt(look, last)} is no series, but has ${modifier}; put it after each series`);
  }
  return kindOf(look, inner);
}

function aggregateKind(look: Look, node: SyntaxNode): Kind {
  const name = textOf(look, node.getChild("AggregateOp")).toLowerCase();
  const parameter = aggregationParameters[name];
  const args = expressions(node.getChild("FunctionCallBody"));
  if (name.startsWith("limit")) fault(look, node, `${name} ${experimental}`);
  else if (args.length !== (parameter ? 2 : 1)) {
    fault(look, node, `${name} has ${args.length} arguments, but takes ${parameter ? 2 : 1}; give it as many`);
  } else {
    const kinds: Kind[] = parameter ? [parameter, "vector"] : ["vector"];
    args.forEach((arg, index) => expect(look, arg, [kinds[index] ?? "vector"], name));
  }
  return "vector";
}

function callKind(look: Look, node: SyntaxNode): Kind {
  const name = textOf(look, node.getChild("FunctionIdentifier"));
  const args = expressions(node.getChild("FunctionCallBody"));
  const taken = parametersOf(name);
  if (!taken) fault(look, node, `${name} ${experimental}`);
  else if (args.length < taken.least || args.length > (taken.most ?? args.length)) {
    const most = taken.most ?? "more";
    const range = taken.least === most ? String(most) : `${taken.least} to ${most}`;
    fault(look, node, `${name} has ${args.length} arguments, but takes ${range}; give it as many`);
  } else {
    args.forEach((arg, index) => expect(look, arg, [taken.kinds[index] ?? taken.kinds.at(-1) ?? "vector"], name));
  }
  return resultOf(name);
}

function binaryKind(look: Look, node: SyntaxNode): Kind | undefined {
  const [left, right] = expressions(node);
  const operation = node.getChild("Expr")?.nextSibling ?? null;
  if (!left || !right || !operation) return undefined;
  const operator = textOf(look, operation).toLowerCase();
  const kinds = [left, right].map((side) => expect(look, side, ["vector", "scalar"], operator));
  const bool = node.getChild("BoolModifier");
  const matching = node.getChild("MatchingModifierClause");
  const comparison = comparisons.includes(operator);
  const numbers = kinds.filter((kind) => kind === "scalar").length;
  if (bool && !comparison) fault(look, bool, `bool after ${operator}, which compares nothing; take it away`);
  if (comparison && !bool && numbers === 2) {
    fault(look, operation, `${operator} compares two numbers; write ${operator} bool`);
  }
  if (numbers > 0 && setOperators.includes(operator)) {
    fault(look, operation, `${operator} is for instant vectors, but a side is a number; write vector() around it`);
  }
  if (matching) checkMatching(look, { matching, operator, numbers });
  return numbers === 2 ? "scalar" : "vector";
}

interface Matching {
  readonly matching: SyntaxNode;
  readonly operator: string;
  /** How many sides are numbers. */
  readonly numbers: number;
}

function checkMatching(look: Look, { matching, operator, numbers }: Matching): void {
  const grouped = matching.getChild("GroupLeft") ?? matching.getChild("GroupRight");
  const [by, include] = matching.getChildren("GroupingLabels").map((labels) => {
    return labels.getChildren("LabelName").map((name) => textOf(look, name));
  });
  if (numbers > 0 && (by ?? []).length > 0) {
    fault(look, matching, "matches labels, but a side is a number; take on or ignoring away");
  }
  if (grouped && setOperators.includes(operator)) {
    fault(look, grouped, `${textOf(look, grouped)} is not for ${operator}; take it away`);
  }
  const both = matching.getChild("On") ? (include ?? []).find((name) => by?.includes(name)) : undefined;
  if (both !== undefined) fault(look, matching, `${both} is in on and in ${textOf(look, grouped)}; name it once`);
}

/** What can be wrong with names, texts and times, wherever they stand. */
function checkLiterals(look: Look, tree: SyntaxNode): void {
  tree.cursor().iterate(({ node, name }) => {
    if (name === "StringLiteral") {
      const wrong = stringFault(textOf(look, node));
      if (wrong !== undefined) fault(look, node, wrong);
    }
    if (name === "VectorSelector") checkSelector(look, node);
    if (name === "MatrixSelector" || name === "SubqueryExpr") checkTimes(look, node);
  });
}

function checkTimes(look: Look, node: SyntaxNode): void {
  for (const time of node.getChildren("NumberDurationLiteralInDurationContext")) {
    const text = textOf(look, time);
    if (!/[1-9]/.test(text)) fault(look, time, `${text} is no time; write one above 0, such as 5m`);
  }
}

function checkSelector(look: Look, node: SyntaxNode): void {
  const list = node.getChild("LabelMatchers");
  const matchers = [
    ...(list?.getChildren("UnquotedLabelMatcher") ?? []),
    ...(list?.getChildren("QuotedLabelMatcher") ?? []),
  ];
  const names = list?.getChildren("QuotedLabelName") ?? [];
  let chosen = names.length + (node.getChild("Identifier") ? 1 : 0);
  const named = chosen > 0;
  for (const matcher of matchers) {
    const value = unquoted(textOf(look, matcher.getChild("StringLiteral")));
    const operator = textOf(look, matcher.getChild("MatchOp"));
    const wrong = operator.includes("~") ? re2Fault(value) : undefined;
    if (wrong !== undefined) fault(look, matcher, `${value} ${wrong}`);
    if (named && textOf(look, matcher.getChild("LabelName")) === "__name__") {
      fault(look, matcher, "names the series a second time; name it once");
    }
    const empty = operator.includes("~") ? matchesEmpty(value) : value === "";
    if (operator.startsWith("=") ? !empty : empty) chosen++;
  }
  if (names.length > 1 || (names.length > 0 && node.getChild("Identifier"))) {
    fault(look, node, "names the series a second time; name it once");
  }
  if (chosen === 0) fault(look, node, "would take every series there is; name one, or a label's value");
}
