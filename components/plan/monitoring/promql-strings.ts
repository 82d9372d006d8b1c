/** What a backslash may stand before in a string of PromQL, beside the quote around it. */
const escape = /^\\(?:[abfnrtv\\]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})/;
const escaped: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The text that a string literal stands for. */
export function unquoted(literal: string): string {
  const inner = literal.slice(1, -1);
  if (literal.startsWith("`")) return inner;
  return inner.replace(/\\(x..|u....|U.{8}|[0-7]{3}|.)/gs, (_whole, what: string) => {
    if (/^[xuU]./.test(what)) return String.fromCodePoint(Number.parseInt(what.slice(1), 16));
    return /^[0-7]{3}$/.test(what) ? String.fromCharCode(Number.parseInt(what, 8)) : (escaped[what] ?? what);
  });
}

/** What is wrong with a string literal; undefined where nothing is. */
export function stringFault(literal: string): string | undefined {
  if (literal.startsWith("`")) return undefined;
  const quote = literal[0] ?? '"';
  for (let at = 1; at < literal.length - 1; at++) {
    if (literal[at] === "\n") return "has a line break in a string; write it as \\n";
    if (literal[at] !== "\\") continue;
    const known = literal[at + 1] === quote ? `\\${quote}` : escape.exec(literal.slice(at))?.[0];
    if (known === undefined) {
      const wrong = literal.slice(at, at + 2);
      return `has ${wrong} in a string, which stands for nothing; write \\${wrong} for a backslash`;
    }
    at += known.length - 1;
  }
  return undefined;
}
