/** Says whether a path of the build context (with "/" between its parts) is left out of it. */
export interface IgnoreRules {
  ignores(path: string): boolean;
  /** Whether a whole folder may be skipped: it is left out, and no rule could take something in it back. */
  prunes(folder: string): boolean;
}

interface Rule {
  readonly pattern: RegExp;
  readonly takesBack: boolean;
}

/**
 * The rules of a .dockerignore file: the last that matches a path, or a folder above it, decides.
 *
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function parseDockerIgnore(text: string): IgnoreRules {
  const rules: Rule[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    const takesBack = line.trim().startsWith("!");
    const pattern = clean(takesBack ? line.trim().slice(1) : line.trim());
    if (pattern !== "" && pattern !== ".") rules.push({ pattern: toRegExp(pattern), takesBack });
  }
  const anyTakesBack = rules.some((rule) => rule.takesBack);
  const ignores = (path: string) => {
    let ignored = false;
    for (const { pattern, takesBack } of rules)
      if (ignored === takesBack && matchesWithParents(pattern, path)) ignored = !takesBack;
    return ignored;
  };
  return { ignores, prunes: (folder) => !anyTakesBack && ignores(folder) };
}

function clean(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.trim().split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function matchesWithParents(pattern: RegExp, path: string): boolean {
  for (let end = path.length; end !== -1; end = path.lastIndexOf("/", end - 1)) {
    if (pattern.test(path.slice(0, end))) return true;
    if (end === 0) break;
  }
  return false;
}

function toRegExp(pattern: string): RegExp {
  let source = "";
  for (let index = 0; index < pattern.length; index++) {
    const char = pattern.charAt(index);
    if (pattern.startsWith("**/", index)) {
      source += "(?:.*/)?";
      index += 2;
    } else if (pattern.startsWith("**", index)) {
      source += ".*";
      index += 1;
    } else if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (char === "[" && pattern.includes("]", index)) {
      const end = pattern.indexOf("]", index);
      source += pattern.slice(index, end + 1);
      index = end;
    } else if (char === "\\" && index + 1 < pattern.length) {
      source += escape(pattern.charAt(index + 1));
      index += 1;
    } else source += escape(char);
  }
  return new RegExp(`^${source}$`);
}

function escape(char: string): string {
  return char.replace(/[.*+?^${}()|[\]\\]/, "\\$&");
}
