#!/usr/bin/env bash
# Writes the Markdown about the render in $1 to $2. What is in $1 comes from a fork: its commit is taken only where it is one of
# the branch that is checked out, as its code is run.
set -euo pipefail
rendered=$1
out=$2
find "$rendered" -type l -delete
base=$(head -c 64 "$rendered/base" | tr -d '\n')
if ! [[ $base =~ ^[0-9a-f]{40}$ ]] || ! git merge-base --is-ancestor "$base" HEAD; then
  echo "the base that the pull request's run names is no commit of this branch" >&2
  exit 1
fi
mkdir -p "$out"
for stack in dev prod; do
  npm run --silent diff -- --stack "$stack" --base "$base" --head-dir "$rendered/$stack" \
    --config-file "$rendered/Pulumi.$stack.yaml" --out "$out/$stack.md"
done
