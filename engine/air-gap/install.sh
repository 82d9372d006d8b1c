#!/bin/sh
# Installs this bundle: ./install.sh REGISTRY [--http] [--user NAME:PASSWORD] [kubectl's own options, such as --context NAME]
# REGISTRY is what the cluster's nodes pull from, such as registry.example.com:5000/team. May be run again: what is there is left out.
set -eu
cd "$(dirname "$0")"
fail() { echo "install: $*" >&2; exit 1; }
[ $# -ge 1 ] || fail "name the registry: ./install.sh REGISTRY [--http] [--user NAME:PASSWORD] [kubectl's options]"
registry=$1 scheme=https user=; shift
while :; do case ${1-} in --http) scheme=http; shift ;; --user) user=$2; shift 2 ;; *) break ;; esac; done
for tool in curl sha256sum kubectl; do command -v $tool >/dev/null || fail "$tool was not found; install it"; done
! grep -rl 'unset:' secrets 2>/dev/null || fail "these files hold secrets that nobody has set; put a value in the place of each unset:…"
sha256sum --check --quiet checksums.txt || fail "wrong checksum: the files above are not those that were bundled; unpack the bundle again"
host=${registry%%/*} path=${registry#"$host"}; path=${path#/}; path=${path:+$path/}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
ask() { curl --silent --show-error --fail-with-body --retry 3 ${user:+--user "$user"} "$@"; }
ask --output /dev/null "$scheme://$host/v2/" || fail "registry $host does not answer; start it, or name another (--http where it has no TLS)"

# Each layer once, each manifest last: an image that a registry has is whole.
while read -r repository tag type manifest blobs; do
  url=$scheme://$host/v2/$path$repository
  for digest in $blobs; do
    ask --head --output /dev/null "$url/blobs/$digest" 2>/dev/null && continue
    place=$(ask --request POST --output /dev/null --dump-header - "$url/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    case $place in http*) ;; /*) place=$scheme://$host$place ;; *) fail "registry $host takes no upload to $path$repository" ;; esac
    case $place in *\?*) place="$place&digest=$digest" ;; *) place="$place?digest=$digest" ;; esac
    ask --output /dev/null --request PUT --header 'Content-Type: application/octet-stream' --upload-file "images/blobs/sha256/${digest#sha256:}" "$place" ||
      fail "image $repository: $digest was not taken; look whether the registry's disk is full, then run this again"
  done
  ask --output /dev/null --request PUT --header "Content-Type: $type" --upload-file "images/blobs/sha256/${manifest#sha256:}" "$url/manifests/$tag" ||
    fail "image $repository:$tag was not taken; run this again"
  echo "image $repository:$tag"
done < images.txt

for file in $(ls manifests/*.yaml secrets/*.yaml 2>/dev/null | sed 's|\(.*\)/\(.*\)|\2 \1/\2|' | sort | cut -d' ' -f2); do
  sed "s|quorum-registry\.invalid|$registry|g" "$file" > "$work/object.yaml"
  # A kind that was made a moment ago, or a policy's type, may need some seconds.
  tries=0; until kubectl "$@" apply --server-side --force-conflicts --field-manager=quorum-bundle --filename "$work/object.yaml" > "$work/said" 2>&1; do
    tries=$((tries + 1)); [ $tries -lt 10 ] || { cat "$work/said" >&2; fail "$file was not applied; see above, then run this again"; }
    sleep 3
  done
  cat "$work/said"
done
while read -r namespace workload; do
  kubectl "$@" --namespace "$namespace" rollout status "$workload" --timeout=10m || fail "$workload in $namespace does not get ready; look at its pods"
done < workloads.txt
echo "installed"
