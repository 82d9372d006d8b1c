#!/usr/bin/env bash
# The backups of etcd of stack $1, and a drill on the newest: on the job's page, and as the exit code.
set -euo pipefail
page=${GITHUB_STEP_SUMMARY:-/dev/null}
fence='```'
code=0
for task in list drill; do
  printf '## etcd: %s\n%s\n' "$task" "$fence" >> "$page"
  npm run --silent backup -- "$task" etcd --stack "$1" 2>&1 | tee -a "$page" || code=1
  printf '%s\n' "$fence" >> "$page"
done
exit "$code"
