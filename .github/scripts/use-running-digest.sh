#!/usr/bin/env bash
# Has stack $1 keep the image that it runs, in this checkout alone; a stack that never was up has none.
set -euo pipefail
folder=$(dirname "$0")
if digest=$("$folder/running-digest.sh" "$1"); then
  "$folder/use-digest.sh" "$1" "${digest#digest=}"
fi
