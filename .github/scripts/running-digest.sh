#!/usr/bin/env bash
# Prints `digest=sha256:…` of the image that stack $1 runs, as its output names it.
set -euo pipefail
image=$(pulumi stack output image --stack "$1")
if ! [[ $image =~ @(sha256:[0-9a-f]{64})$ ]]; then
  echo "stack $1 runs \"$image\", which names no digest" >&2
  exit 1
fi
echo "digest=${BASH_REMATCH[1]}"
