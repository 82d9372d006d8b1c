/** A value as one word of a POSIX shell. */
export function shellQuote(value: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** A line that writes a whole file through the prelude's `put`; the text reaches the file untouched. */
export function putFile(path: string, mode: string, text: string): string {
  let delimiter = "QUORUM_FILE";
  while (text.split("\n").includes(delimiter)) delimiter += "_";
  const body = text.endsWith("\n") ? text : `${text}\n`;
  return `put ${shellQuote(path)} ${mode} <<'${delimiter}'\n${body}${delimiter}`;
}

/**
 * What every host step begins with. POSIX shell, since the login shell of a host is not ours to choose.
 *
 * A file is written beside its place and then renamed, so that a step killed half-way leaves none cut short.
 */
export const prelude = `set -eu
umask 077
fail() { echo "$1" >&2; exit 1; }
put() { mkdir -p "$(dirname "$1")"; cat > "$1.new"; chmod "$2" "$1.new"; mv -f "$1.new" "$1"; }
wait_for() { tries=$1; shift; until "$@"; do tries=$((tries - 1)); [ "$tries" -gt 0 ] || return 1; sleep 1; done; }`;

/**
 * Lines after which no second run of the step goes on beside this one. The lock is handed down to the programs of the step:
 * they live on when the connection breaks, and the next run waits for them.
 */
export function soleRun(folder: string, seconds: number, failure: string): string {
  const lock = shellQuote(`${folder}/lock`);
  return `exec 8>${lock}\nflock -w ${seconds} 8 || fail ${shellQuote(failure)}`;
}

/** Parts on lines of their own, with one line break at the end. */
export function lines(...parts: string[]): string {
  return `${parts.join("\n")}\n`;
}

export function indent(text: string, by = "  "): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => (line === "" ? line : `${by}${line}`))
    .join("\n");
}
