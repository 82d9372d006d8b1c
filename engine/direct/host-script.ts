/** A host step in the form that is sent to its host. */
export interface StepScript {
  /** Letters, digits, ".", "_" and "-" only: it names files on the host. */
  readonly name: string;
  /** Changes with the scripts, the input, the environment and the triggers. */
  readonly hash: string;
  readonly create: string;
  /** Run instead of `create` on a host that remembers an earlier form of the step. */
  readonly update: string | undefined;
  readonly stdin: string;
  readonly environment: readonly (readonly [string, string])[];
}

/** First lines that our scripts print; they tell our output from a login message or an error of ssh. */
export const stepMarkers = { host: "quorum-host", step: "quorum-step" } as const;

const folder = "/var/lib/quorum";

/** Prints one line for each step that the host remembers: name, hash, output in base64. */
export const readStampsScript = `echo ${stepMarkers.host}
cd ${folder}/steps 2>/dev/null || exit 0
for file in *.sha256; do
  name=\${file%.sha256}
  [ -f "$name.stdout" ] && printf '%s %s %s\\n' "$name" "$(cat "$file")" "$(base64 <"$name.stdout" | tr -d '\\n')"
done
exit 0
`;

/**
 * Runs a step under the host's lock, unless the host remembers the same step, and then remembers it.
 * The first line of its output is a marker; the step's own output follows.
 */
export function runStepScript(step: StepScript): string {
  const stamp = `${folder}/steps/${step.name}`;
  return `set -eu
umask 077
mkdir -p ${folder}/steps
exec 9>${folder}/lock
echo ${stepMarkers.step}
flock -n 9 || { echo 'waiting for another step on this host' >&2; flock 9; }
if [ -f ${stamp}.stdout ] && [ "$(cat ${stamp}.sha256 2>/dev/null)" = ${step.hash} ]; then cat ${stamp}.stdout; exit 0; fi
work=$(mktemp -d ${folder}/run.XXXXXX)
trap 'rm -rf "$work"' EXIT
${file("create", step.create)}${step.update === undefined ? "" : file("update", step.update)}${file("stdin", step.stdin)}${file("environment", exports(step))}script=create
if [ -f "$work/update" ] && [ -f ${stamp}.sha256 ]; then script=update; fi
set +e
( . "$work/environment"; exec bash "$work/$script" ) <"$work/stdin" 9>&- | tee "$work/stdout" 9>&-
code=\${PIPESTATUS[0]}
set -e
[ "$code" = 0 ] || exit "$code"
mv "$work/stdout" ${stamp}.stdout
printf %s ${step.hash} >"$work/sha256"
mv "$work/sha256" ${stamp}.sha256
`;
}

/** Base64 keeps every byte of the content, whatever quotes it holds, and ends no here-document early. */
function file(name: string, content: string): string {
  const lines = Buffer.from(content)
    .toString("base64")
    .replace(/.{1,76}/g, "$&\n");
  return `base64 -d >"$work/${name}" <<'QUORUM_END'\n${lines}QUORUM_END\n`;
}

function exports(step: StepScript): string {
  return step.environment.map(([key, value]) => `export ${key}='${value.replaceAll("'", "'\\''")}'\n`).join("");
}
