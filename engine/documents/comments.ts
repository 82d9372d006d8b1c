import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** What the doc comment of a key says. */
export interface KeyComment {
  readonly text: string;
  /** What stands behind its `@default`. */
  readonly fallback: string | undefined;
}

/** The comments of one object literal, by its keys. */
interface Literal {
  readonly keys: ReadonlySet<string>;
  /** Whether it takes in keys of another literal, so that an object has more of them. */
  readonly spreads: boolean;
  readonly comments: ReadonlyMap<string, KeyComment>;
}

/**
 * The doc comments of the schema's sources. TypeScript forgets comments and zod never sees them, so that each object is found again
 * by its keys.
 */
export class SchemaComments {
  readonly #literals: readonly Literal[];

  constructor(root: string) {
    const folder = join(root, "config", "schema");
    const files = readdirSync(folder)
      .filter((name) => name.endsWith(".ts"))
      .sort()
      .map((name) => join(folder, name));
    this.#literals = [join(root, "config", "schema.ts"), ...files].flatMap(literalsOf);
  }

  /** What is said of one key of an object that has these keys; undefined where nothing is, or where two literals differ. */
  of(keys: readonly string[], key: string): KeyComment | undefined {
    const fits = this.#literals.filter((literal) => literal.keys.has(key) && isLiteralOf(literal, keys));
    const said = fits.flatMap((literal) => literal.comments.get(key) ?? []);
    const [first] = said;
    return said.every(({ text }) => text === first?.text) && said.length === fits.length ? first : undefined;
  }
}

function isLiteralOf(literal: Literal, keys: readonly string[]): boolean {
  const all = new Set(keys);
  const within = [...literal.keys].every((key) => all.has(key));
  return within && (literal.spreads || literal.keys.size === all.size);
}

function literalsOf(file: string): Literal[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found: Literal[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isObjectLiteralExpression(node)) found.push(literalOf(node));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function literalOf(node: ts.ObjectLiteralExpression): Literal {
  const comments = new Map<string, KeyComment>();
  const keys = new Set<string>();
  for (const property of node.properties) {
    if (!ts.isPropertyAssignment(property) && !ts.isShorthandPropertyAssignment(property)) continue;
    const key = ts.isStringLiteral(property.name) ? property.name.text : property.name.getText();
    keys.add(key);
    const comment = commentOf(property);
    if (comment !== undefined) comments.set(key, comment);
  }
  return { keys, spreads: node.properties.some(ts.isSpreadAssignment), comments };
}

function commentOf(node: ts.Node): KeyComment | undefined {
  const docs = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const [doc] = docs;
  if (doc === undefined) return undefined;
  const tag = doc.tags?.find(({ tagName }) => tagName.text === "default");
  return { text: plain(doc.comment), fallback: tag === undefined ? undefined : plain(tag.comment) || undefined };
}

const plain = (comment: ts.JSDoc["comment"]): string =>
  (ts.getTextOfJSDocComment(comment) ?? "").replaceAll(/\s+/g, " ").trim();
