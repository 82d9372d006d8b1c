#!/usr/bin/env bash
# Posts the Markdown of each stack in folder $1 to the open pull request whose head is $HEAD_SHA, or edits what is there.
set -euo pipefail
number=$(gh api --method GET "repos/$GITHUB_REPOSITORY/pulls" -f state=open -f "head=$HEAD_OWNER:$HEAD_BRANCH" \
  --jq '[.[] | select(.head.sha == env.HEAD_SHA)][0].number // empty')
if [ -z "$number" ]; then
  echo "no open pull request has $HEAD_SHA any more: a later run comments"
  exit 0
fi
for stack in dev prod; do
  marker="<!-- quorum diff: $stack -->"
  id=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$number/comments" \
    --jq ".[] | select(.user.login == \"github-actions[bot]\" and (.body | startswith(\"$marker\"))) | .id" | head -n 1)
  if [ -n "$id" ]; then
    gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" -F "body=@$1/$stack.md" --silent
  else
    gh api --method POST "repos/$GITHUB_REPOSITORY/issues/$number/comments" -F "body=@$1/$stack.md" --silent
  fi
done
