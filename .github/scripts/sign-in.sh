#!/usr/bin/env bash
# The kubeconfig of stack $1, where its commands look for it: it signs in by this run's own token, which GitHub signs and the API server checks.
set -euo pipefail
token=$(curl --fail --silent --show-error --header "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
  "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$CLUSTER_ENDPOINT" | jq --raw-output .value)
echo "::add-mask::$token"
umask 077
mkdir -p .quorum
export KUBECONFIG=.quorum/$1.kubeconfig
printf '%s' "$CLUSTER_CA" | base64 --decode > ".quorum/$1.ca.crt"
kubectl config set-cluster "$1" --server "https://$CLUSTER_ENDPOINT" --certificate-authority ".quorum/$1.ca.crt" --embed-certs
kubectl config set-credentials "$1" --token "$token" > /dev/null
kubectl config set-context "$1" --cluster "$1" --user "$1"
kubectl config use-context "$1"
