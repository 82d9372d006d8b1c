import { etcdData, manifests } from "./host-findings.ts";

/** Seconds that a static pod gets to end: an API server lets its requests go on for a while. */
export const endSeconds = 180;

/** Shell functions for static pods: the kubelet ends one whose manifest is away. */
export const staticPodFunctions = `listens() { timeout 2 bash -c ": </dev/tcp/127.0.0.1/$1" 2>/dev/null; }
closed() { ! listens "$1"; }
put_away() { mkdir -p "$2"; [ ! -e "${manifests}/$1.yaml" ] || mv -f "${manifests}/$1.yaml" "$2/$1.yaml"; }
aside_folder() { set -- "$1" "\${2:-${etcdData}}"; if mountpoint -q "$2"; then echo "$2/$1"; else echo "$2-$1"; fi; }`;
