#!/usr/bin/env bash
# Puts the key of the hosts where the stack's file names it, for this run alone.
set -euo pipefail
umask 077
mkdir -p "$(dirname "$SSH_KEY_FILE")"
printf '%s\n' "$SSH_KEY" > "$SSH_KEY_FILE"
