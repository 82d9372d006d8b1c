/** What the Pulumi SDK puts before the words of `pulumi.log` where no engine of its own listens. */
const mark = /^(info|warning|error): \[runtime\] /;
const shown = { info: "", warning: "warning: ", error: "error: " } as const;

/**
 * Gives what a program says while it runs (by `pulumi.log` or `console`) to `log`, so that it goes where the command's own
 * words go, and answers a function that ends it.
 */
export function hearProgram(log: (line: string) => void): () => void {
  const { log: said, info, warn, error } = console;
  let passing = false;
  const hear = (...words: unknown[]) => {
    // What `log` itself writes by console is not the program's.
    if (passing) return said(...words);
    passing = true;
    try {
      log(
        words
          .map(String)
          .join(" ")
          .replace(mark, (_, severity: keyof typeof shown) => shown[severity]),
      );
    } finally {
      passing = false;
    }
  };
  Object.assign(console, { log: hear, info: hear, warn: hear, error: hear });
  return () => void Object.assign(console, { log: said, info, warn, error });
}
