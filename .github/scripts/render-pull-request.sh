#!/usr/bin/env bash
# The difference of each stack for the job's page, and the render of the pull request in folder $1. Needs no credential.
set -euo pipefail
out=$1
mkdir -p "$out"
git rev-parse 'HEAD^1' > "$out/base"
for stack in dev prod; do
  npm run --silent diff -- --stack "$stack" --base 'HEAD^1' --out "$out/diff-$stack.md"
  cat "$out/diff-$stack.md" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
  npm run --silent render -- --stack "$stack" --out "$out/$stack"
  cp "Pulumi.$stack.yaml" "$out/Pulumi.$stack.yaml"
done
