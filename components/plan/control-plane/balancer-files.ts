import { type BalancerHost, balancerHealthPort, balancerMetricsPort, type BalancerPlan } from "./balancer.ts";
import { contentHash } from "../hash.ts";

/** Where a host finds its interface's name only by itself. */
export const interfacePlaceholder = "@INTERFACE@";
/** kube-vip's kubeconfig: which of the administrators' ones, is known on the host. */
export const kubeconfigPlaceholder = "@KUBECONFIG@";

/** @see https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/ : watches live for hours. */
const sessionTimeout = "3h";
/** Of a host whose API server is not ready: below every host that is well, above one whose HAProxy is gone, which takes no part. */
const unreadyWeight = -20;

/**
 * HAProxy's configuration on one host: TLS passes through to the API servers. One is taken that says it is ready; where none
 * does, as when etcd has lost its quorum, one that accepts connections, which still reads what it remembers.
 */
export function haproxyConfig(balancer: BalancerPlan, host: BalancerHost): string {
  return haproxyText(balancer, host, haproxyConfigHash(balancer, host));
}

/** What HAProxy answers at /config once it runs with this configuration. */
export function haproxyConfigHash(balancer: BalancerPlan, host: BalancerHost): string {
  return contentHash({ config: haproxyText(balancer, host, "") });
}

function haproxyText({ port, servers, readyPath, metrics }: BalancerPlan, host: BalancerHost, hash: string): string {
  const check =
    "check check-ssl check-sni kubernetes verify required verifyhost kubernetes ca-file /etc/haproxy/ca.crt inter 1s fall 3 rise 2 on-marked-down shutdown-sessions";
  const own = servers.filter((server) => server.host === host.name);
  return `global
  log stdout format raw local0 notice
  maxconn 8000
  # After a reload the old process keeps its connections this long.
  hard-stop-after 30s

defaults
  log global
  mode tcp
  option dontlognull
  option clitcpka
  option srvtcpka
  # A connection to a host that is gone goes to another at once.
  option redispatch 1
  retries 3
  timeout connect 1s
  timeout check 2s
  timeout client ${sessionTimeout}
  timeout server ${sessionTimeout}
  timeout tunnel ${sessionTimeout}

frontend kubernetes-api
  bind :${port}
  use_backend ready if { nbsrv(ready) gt 0 }
  default_backend answering

# Asked over TLS and without credentials, as the API server tells everybody whether it is ready. In turn, and not where the
# fewest connections are: that would be a host that has just died.
backend ready
  balance roundrobin
  option httpchk
  http-check send meth GET uri ${readyPath} ver HTTP/1.1 hdr Host kubernetes
  http-check expect status 200
${servers.map((server) => `  server ${server.name} ${server.address}:${server.port} ${check}`).join("\n")}

backend answering
  balance roundrobin
  option tcp-check
${servers.map((server) => `  server ${server.name} ${server.address}:${server.port} check inter 1s fall 2 rise 1`).join("\n")}

# For this host alone: its probes, and keepalived.
frontend health
  mode http
  no log
  bind 127.0.0.1:${balancerHealthPort}
  timeout client 5s
  http-request return status 200 content-type text/plain string "${hash}" if { path /config }
  http-request return status 200 content-type text/plain string ok if { path /healthz }
${own.map(({ name }) => `  http-request return status 200 content-type text/plain string ready if { path /api-server } { srv_is_up(ready/${name}) }`).join("\n")}
  http-request return status 503 content-type text/plain string unready
${metrics ? metricsText(host) : ""}`;
}

/** Figures alone, and of no more than Prometheus' own connections: whoever asks for more waits. */
function metricsText({ address }: BalancerHost): string {
  return `
frontend metrics
  mode http
  no log
  maxconn 20
  bind ${address}:${balancerMetricsPort}
  timeout client 10s
  http-request use-service prometheus-exporter if { path /metrics }
  http-request return status 404 content-type text/plain string "there is /metrics"
`;
}

/**
 * keepalived's configuration on one host. Peers are named, so that no multicast is needed, and heard only from the same
 * network segment (a TTL of 255, which no router passes on). There is no password: VRRP 3 has none, as that of VRRP 2 went over the wire as it was.
 *
 * The address leaves a host at once whose HAProxy is gone. One whose API server alone is not ready still serves by the others'; it
 * hands the address to a host that is well after a while, and a host that is back takes it no sooner, so that it does not move to and fro.
 */
export function keepalivedConfig(balancer: BalancerPlan, host: BalancerHost, device: string): string {
  const peers = balancer.hosts.filter(({ name }) => name !== host.name);
  // Without a peer to name keepalived speaks to everybody, which a single host does in vain.
  const unicast = `
  unicast_src_ip ${host.address}
  unicast_ttl 255
  unicast_peer {
${peers.map(({ address }) => `    ${address} min_ttl 255 max_ttl 255`).join("\n")}
  }`;
  return `global_defs {
  router_id ${host.name}
  enable_script_security
  script_user root
  vrrp_version 3
  vrrp_check_unicast_src
  vrrp_garp_master_refresh 60
}

vrrp_script haproxy {
  script "/etc/keepalived/check.sh /healthz"
  interval 1
  timeout 2
  fall 2
  rise 2
  init_fail
}

vrrp_script api-server {
  script "/etc/keepalived/check.sh /api-server"
  interval 1
  timeout 2
  fall 3
  rise 2
  weight ${unreadyWeight}
  init_fail
}

vrrp_instance kubernetes-api {
  state BACKUP
  interface ${device}
  virtual_router_id ${balancer.routerId}
  priority ${host.priority}
  advert_int 1
  preempt_delay 15${peers.length === 0 ? "" : unicast}
  virtual_ipaddress {
    ${balancer.address}/32 dev ${device}
  }
  track_script {
    haproxy
    api-server
  }
}
`;
}

/** Asks the HAProxy of this host, by what keepalived's image has: wget as in Alpine's, or bash as in Debian's. */
export const checkScript = `#!/bin/sh
if command -v wget >/dev/null; then exec wget -q -T 2 -O /dev/null "http://127.0.0.1:${balancerHealthPort}$1"; fi
exec timeout 2 bash -c '
  exec 2>/dev/null 3<>/dev/tcp/127.0.0.1/${balancerHealthPort} || exit 1
  printf "GET %s HTTP/1.0\\r\\n\\r\\n" "$1" >&3
  read -r _ status _ <&3 && [ "$status" = 200 ]' check "$1"
`;
