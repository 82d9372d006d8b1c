#!/usr/bin/env bash
# Has stack $1 run the image of digest $2, in this checkout alone: nothing is built then.
set -euo pipefail
if ! [[ $2 =~ ^sha256:[0-9a-f]{64}$ ]]; then
  echo "\"$2\" is no digest" >&2
  exit 1
fi
pulumi config set --stack "$1" --path 'quorum:images.builds.app.digest' "$2"
