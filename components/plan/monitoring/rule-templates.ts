import { didYouMean } from "../problems.ts";

const keywords = [
  "break",
  "continue",
  "define",
  "else",
  "end",
  "false",
  "if",
  "nil",
  "range",
  "template",
  "true",
  "with",
];
/** Of Go's text/template, and of Prometheus 3.5. @see its template/template.go */
const functions = (
  "and call html index js len not or print printf println slice urlquery eq ge gt le lt ne " +
  "args externalURL first graphLink humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp label " +
  "match parseDuration pathPrefix query reReplaceAll safeHtml sortByLabel stripDomain stripPort strvalue tableLink title " +
  "tmpl toLower toTime toUpper value"
).split(" ");
const given = ["labels", "externalLabels", "externalURL", "value"];
const opening = /^(?:if|range|with|define|block)\b/;

/** What is wrong with a template in a label or an annotation, by which Prometheus would refuse its whole file. */
export function templateFault(text: string): string | undefined {
  const variables = [...given];
  let open = 0;
  for (let from = text.indexOf("{{"); from !== -1; from = text.indexOf("{{", from)) {
    const action = /^\{\{-?\s*((?:"(?:\\.|[^"\\\n])*"|`[^`]*`|\/\*.*?\*\/|(?!\}\})[^])*?)\s*-?\}\}/.exec(
      text.slice(from),
    );
    if (!action) return `has a {{ that no }} closes at "${text.slice(from, from + 30)}"; close it`;
    from += action[0].length;
    const code = (action[1] ?? "").replace(/"(?:\\.|[^"\\])*"|`[^`]*`|\/\*.*?\*\//gs, '""');
    const wrong = codeFault(code, variables);
    if (wrong !== undefined) return `${wrong} in ${action[0]}`.replace(/^(.*); (.*) in (\{\{.*)$/s, "$1 in $3; $2");
    if (opening.test(code)) open++;
    if (/^end\b/.test(code)) open--;
    if (open < 0) return "has an end too many; take it away";
  }
  return open > 0 ? "has an if, range or with that no {{ end }} closes; close it" : undefined;
}

/** Takes the variables that the code makes in addition. */
function codeFault(code: string, variables: string[]): string | undefined {
  if (code === "") return "has nothing; write what it stands for";
  for (const [, name] of code.matchAll(/\$(\w+)(?=\s*(?:,\s*\$\w+\s*)?:=)/g)) variables.push(name ?? "");
  for (const [, name] of code.matchAll(/\$(\w+)/g)) {
    if (!variables.includes(name ?? ""))
      return `has $${name}, which is not there; use ${hint(name ?? "", variables, "$")}`;
  }
  for (const [name] of code.matchAll(/(?<![\w.$"])[A-Za-z_]\w*/g)) {
    const known = [...keywords, ...functions];
    if (!known.includes(name)) return `has ${name}, which is no function; use ${hint(name, functions, "")}`;
  }
  return undefined;
}

function hint(name: string, known: readonly string[], sign: string): string {
  const near = didYouMean(name, known);
  return near === undefined ? "one that Prometheus has" : `${sign}${near}`;
}
