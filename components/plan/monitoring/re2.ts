/** What JavaScript's regular expressions have and RE2's have not. */
const notInRe2: readonly (readonly [RegExp, string])[] = [
  [/\(\?(?:=|!|<=|<!)/, "looks around, which RE2 cannot; match the surroundings too"],
  [/\\(?:[1-9]|k<)/, "refers back to a group, which RE2 cannot; write the group again"],
  [/\(\?>|[*+?}]\+/, "has an atomic group or a possessive quantifier, which RE2 has not; leave it out"],
  [
    /\{(?:\d+,)?(?!1000\b)[1-9]\d{3,}(?:,\d*)?\}/,
    "repeats more than 1000 times, which is the most that RE2 does; repeat less often",
  ],
];

/** What is wrong with a regular expression of RE2, as far as another engine can tell; undefined where nothing is. */
export function re2Fault(pattern: string): string | undefined {
  const signs = pattern.replaceAll(/\\[^1-9k]/g, "_").replaceAll(/\[\^?\]?(?:\[:\^?[a-z]+:\]|[^\]])*\]/g, "_");
  const foreign = notInRe2.find(([expression]) => expression.test(signs));
  if (foreign !== undefined) return foreign[1];
  try {
    inJavaScript(pattern);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^.*: /, "") : String(error);
    return `is no regular expression (${reason.toLowerCase()}); mend it`;
  }
}

/** Whether it matches the empty text: of a matcher, that of a label that is not there; of a search, everywhere. */
export function matchesEmpty(pattern: string): boolean {
  return re2Fault(pattern) === undefined && inJavaScript(pattern).test("");
}

/** The nearest that JavaScript has: groups and ends have other names there, and flags make no difference to what is asked here. */
function inJavaScript(pattern: string): RegExp {
  return new RegExp(
    pattern
      .replaceAll(/\(\?[imsU]*(?:-[imsU]+)?\)/g, "")
      .replaceAll(/\(\?[imsU]*(?:-[imsU]+)?:/g, "(?:")
      .replaceAll("(?P<", "(?<")
      .replaceAll(/\\[Az]/g, (end) => (end === String.raw`\A` ? "^" : "$"))
      .replaceAll(/\[:\^?[a-z]+:\]/g, "a-z"),
  );
}
