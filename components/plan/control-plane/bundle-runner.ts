import type { HostScript } from "./host-scripts.ts";
import { lines, shellQuote } from "../shell.ts";

type Numbered = HostScript & { readonly id: string };

/** Whether what a step prints is read by a later one. */
export function isRead(scripts: readonly HostScript[], name: string): boolean {
  return scripts.some(({ input }) => input === name);
}

/**
 * The program that carries a bundle out on the host that it is started on. It knows a step for done by the sums of its script
 * and of what it read, so a step whose script or input has changed is done again, and everything that reads its output with it.
 */
export function runnerScript(scripts: readonly Numbered[]): string {
  const table = scripts.map(({ id, name, host, input }) =>
    [id, name, host.name, host.address, input ?? "-", isRead(scripts, name) ? "yes" : "no"].join(" "),
  );
  const addresses = [...new Set(scripts.map(({ host }) => `${host.address} ${host.name}`))];
  return lines(
    "#!/bin/bash",
    "# Carries out what is next on this host, and says where to go on. `bash run.sh --status` only tells what is done.",
    "set -euo pipefail",
    "umask 077",
    `here=$(cd "$(dirname "\${BASH_SOURCE[0]}")" && pwd)`,
    `fail() { echo "run.sh: $1" >&2; exit 1; }`,
    `steps=${shellQuote(table.join("\n"))}`,
    `hosts=${shellQuote(addresses.join("\n"))}`,
    `sum() { sha256sum | cut -d" " -f1; }`,
    // What a step is known by: its script, and what it reads.
    `state_of() { # ID INPUT`,
    `  { sum < "$here/scripts/$1.sh"; [ "$2" = - ] || cat "$here/exchange/$2" 2>/dev/null || true; } | sum`,
    `}`,
    `is_done() { # ID NAME INPUT OUTPUT`,
    `  [ "$(cat "$here/progress/$2" 2>/dev/null)" = "$(state_of "$1" "$3")" ] && { [ "$4" = no ] || [ -s "$here/exchange/$2" ]; }`,
    `}`,
    `if [ "\${1:-}" = --status ]; then`,
    `  while read -r id name host _ input output; do`,
    `    if is_done "$id" "$name" "$input" "$output"; then echo "done  $host  $id"; else echo "      $host  $id"; fi`,
    `  done <<< "$steps"`,
    `  exit 0`,
    `fi`,
    `[ $# = 0 ] || fail "$1 is not known; there is --status, and no other option"`,
    `[ "$(id -u)" = 0 ] || fail "steps need root; run it as root"`,
    `mkdir -p "$here/exchange" "$here/progress" || fail "$here cannot be written to, but hosts leave there what the next one needs; use something that can be written to"`,
    `own=$(ip -o -4 addr show | awk '{sub(/\\/.*/, "", $4); print $4}')`,
    `me=`,
    `while read -r address host; do ! grep -qxF "$address" <<< "$own" || me=$host; done <<< "$hosts"`,
    `[ -n "$me" ] || fail "this machine has none of the bundle's addresses: $(tr '\\n' ';' <<< "$hosts")"`,
    `while read -r id name host address input output <&3; do`,
    `  ! is_done "$id" "$name" "$input" "$output" || continue`,
    `  [ "$host" = "$me" ] || { sync; echo "$me is done for now; go on at $host ($address)"; exit 0; }`,
    `  [ "$input" = - ] || [ -s "$here/exchange/$input" ] || fail "exchange/$input is not here, but $id reads it; it is made by an earlier step: bring the folder that has it"`,
    `  echo "$id …"`,
    `  given=/dev/null`,
    `  [ "$input" = - ] || given=$here/exchange/$input`,
    `  state=$(state_of "$id" "$input")`,
    // Outputs that nobody reads are dropped: they may be secret.
    `  printed=/dev/null`,
    `  [ "$output" = no ] || printed=$here/exchange/$name.new`,
    `  bash "$here/scripts/$id.sh" < "$given" > "$printed" || fail "$id failed; its words are above. Mend the cause and run this again: it goes on from there"`,
    `  [ "$output" = no ] || mv -f "$printed" "$here/exchange/$name"`,
    `  echo "$state" > "$here/progress/$name"`,
    `done 3<<< "$steps"`,
    `sync`,
    `echo "all steps are done"`,
  );
}
