/** The run was stopped by a signal; what was done so far stands, and the next run goes on from there. */
export class Interrupted extends Error {
  constructor() {
    super("interrupted; what is done stays done, and the same command goes on from there");
    this.name = "Interrupted";
  }
}

/** A command that ends with an exit code of its own. */
export class ExitError extends Error {
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.name = "ExitError";
    this.code = code;
  }
}

const defects = new Set(["TypeError", "ReferenceError", "RangeError", "SyntaxError"]);

/** What a failure says on standard error: its message, and its trace only when QUORUM_DEBUG=1. */
export function describeFailure(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (debug) return error.stack ?? error.message;
  if ("code" in error && error.code === "ENOSPC") {
    return `${error.message}: the disk is full; free some space and run the command again, which goes on from there`;
  }
  if (defects.has(error.name))
    return `${error.message} (a defect in quorum or in the stack's program; QUORUM_DEBUG=1 shows where)`;
  return error.message;
}

/** The exit code of a failed command. 130 is the shells' code for "ended by Ctrl-C". */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return 130;
  return error instanceof ExitError ? error.code : 1;
}
