/**
 * Which families of series are kept of what the cluster itself measures. They are named one by one, so that neither a new release
 * nor a growing cluster brings families that nobody asks for: of the API server's own 36,000 series on an empty cluster these are
 * 4,000.
 */

/** Of every program of Kubernetes: what it is, what it uses, and how its calls of the API server go. */
const ofPrograms = [
  "go_(goroutines|gc_duration_seconds|memstats_(alloc|heap_inuse)_bytes|threads)",
  "kubernetes_build_info",
  "process_(cpu_seconds_total|max_fds|open_fds|resident_memory_bytes|start_time_seconds|virtual_memory_bytes)",
  "rest_client_requests_total",
  "rest_client_request_duration_seconds_(count|sum)",
];

const ofQueues = [
  "workqueue_(adds_total|depth|longest_running_processor_seconds|retries_total|unfinished_work_seconds)",
  "workqueue_(queue|work)_duration_seconds_(count|sum)",
];

const leaderElection = "leader_election_master_status";

export const apiServerFamilies = [
  ...ofPrograms,
  ...ofQueues,
  "aggregator_unavailable_apiservice(_total)?",
  "apiserver_admission_(controller|step|webhook)_admission_duration_seconds_(count|sum)",
  "apiserver_admission_webhook_(fail_open_count|rejection_count|request_total)",
  "apiserver_audit_(error|event)_total",
  "apiserver_audit_requests_rejected_total",
  "apiserver_client_certificate_expiration_seconds_(bucket|count|sum)",
  "apiserver_current_(inflight|inqueue)_requests",
  "apiserver_flowcontrol_current_(executing|inqueue)_requests",
  "apiserver_flowcontrol_(dispatched|rejected)_requests_total",
  "apiserver_flowcontrol_request_wait_duration_seconds_(count|sum)",
  "apiserver_flowcontrol_(current_executing_seats|current_limit_seats|nominal_limit_seats)",
  "apiserver_longrunning_requests",
  "apiserver_request_((aborts|terminations)_)?total",
  "apiserver_request_sli_duration_seconds_(bucket|count|sum)",
  "apiserver_requested_deprecated_apis",
  "apiserver_(resource|storage)_objects",
  "apiserver_storage_size_bytes",
  "apiserver_tls_handshake_errors_total",
  "authenticated_user_requests",
  "authentication_attempts",
  "etcd_(requests|request_errors)_total",
  "etcd_request_duration_seconds_(count|sum)",
];

/**
 * Upper bounds of request durations that are not kept, in seconds; there are 21 for each verb and resource. What is left, 0.1, 0.4, 1,
 * 5 and 30, has the objectives of the API server's authors in it.
 *
 * @see https://github.com/kubernetes/community/blob/master/sig-scalability/slos/api_call_latency.md
 */
export const apiServerLeftOutBuckets = [
  "0.05",
  "0.2",
  "0.6",
  "0.8",
  "1.25",
  "1.5",
  "2",
  "3",
  "4",
  "6",
  "8",
  "10",
  "15",
  "20",
  "45",
  "60",
];

export const kubeletFamilies = [
  ...ofPrograms,
  "kubelet_certificate_manager_(client_expiration_renew_errors|client_ttl_seconds|server_ttl_seconds)",
  "kubelet_cgroup_manager_duration_seconds_(count|sum)",
  "kubelet_(active|desired|mirror|restarted|running|working)_pods(_total)?",
  "kubelet_running_containers",
  "kubelet_evictions",
  "kubelet_http_requests_total",
  "kubelet_image_pull_duration_seconds_(count|sum)",
  "kubelet_node_(name|startup_duration_seconds)",
  "kubelet_pleg_last_seen_seconds",
  "kubelet_pleg_relist_(duration|interval)_seconds_(bucket|count|sum)",
  "kubelet_pod_start_sli_duration_seconds_(bucket|count|sum)",
  "kubelet_pod_worker_duration_seconds_(bucket|count|sum)",
  "kubelet_runtime_operations_(errors_)?total",
  "kubelet_runtime_operations_duration_seconds_(count|sum)",
  "kubelet_server_expiration_renew_errors",
  "kubelet_started_(containers|pods)_(errors_)?total",
  "kubelet_volume_stats_(available_bytes|capacity_bytes|inodes|inodes_free|inodes_used|used_bytes)",
  "storage_operation_duration_seconds_(count|sum)",
  "volume_manager_total_volumes",
];

/** Of containers; those of whole pods and of parts of the system are sums of them, or node-exporter's. */
export const containerFamilies = [
  "container_cpu_(usage|cfs_throttled)_seconds_total",
  "container_cpu_cfs_(throttled_)?periods_total",
  "container_file_descriptors",
  "container_fs_(reads|writes)(_bytes)?_total",
  "container_fs_usage_bytes",
  "container_memory_(cache|rss|swap|usage_bytes|working_set_bytes)",
  "container_oom_events_total",
  "container_pressure_(cpu|io|memory)_(stalled|waiting)_seconds_total",
  "container_processes",
  "container_spec_(cpu_quota|cpu_period|memory_limit_bytes)",
  "container_start_time_seconds",
  "container_threads",
];

/** Of pods: their containers have one network together. */
export const podFamilies = [
  "container_network_(receive|transmit)_bytes_total",
  "container_network_(receive|transmit)_(errors|packets|packets_dropped)_total",
];

export const machineFamilies = ["machine_(cpu_cores|memory_bytes)", "container_scrape_error"];

export const controllerManagerFamilies = [
  ...ofPrograms,
  ...ofQueues,
  leaderElection,
  "cronjob_controller_job_creation_skew_duration_seconds_(bucket|count|sum)",
  "job_controller_jobs_finished_total",
  "node_collector_(evictions_total|unhealthy_nodes_in_zone|zone_health|zone_size)",
  "pv_collector_(bound|unbound)_(pv|pvc)_count",
];

/** Of HAProxy before the API servers: which of them it takes for ready, and how many connections it has. */
export const balancerFamilies = ["haproxy_server_status", "haproxy_frontend_current_sessions"];

export const schedulerFamilies = [
  ...ofPrograms,
  leaderElection,
  "scheduler_(pending_pods|preemption_attempts_total|queue_incoming_pods_total|schedule_attempts_total|unschedulable_pods)",
  "scheduler_pod_scheduling_sli_duration_seconds_(bucket|count|sum)",
  "scheduler_scheduling_attempt_duration_seconds_(bucket|count|sum)",
  "scheduler_scheduling_algorithm_duration_seconds_(count|sum)",
];

export const kubeProxyFamilies = [
  ...ofPrograms,
  "kubeproxy_network_programming_duration_seconds_(bucket|count|sum)",
  "kubeproxy_sync_(full_|partial_)?proxy_rules_duration_seconds_(count|sum)",
  "kubeproxy_sync_proxy_rules_(last_queued_timestamp_seconds|last_timestamp_seconds|service_changes_total)",
  "kubeproxy_sync_proxy_rules_(endpoint_changes_total|iptables_restore_failures_total)",
];

/** Of etcd's, what is not kept: measures for its developers, and those of the Go runtime in detail. */
export const etcdLeftOut = [
  "etcd_debugging_.*_bucket",
  "go_(cpu|gc|godebug|memory|sched|sync)_.*",
  "grpc_server_msg_(received|sent)_total",
  "promhttp_.*",
];

const buildOfIstio = "istio_build";

/** Of istiod: how many proxies it has and how soon they know, what it could not tell them, its certificates and webhooks. */
export const istiodFamilies = [
  ...ofPrograms,
  buildOfIstio,
  "citadel_server_(csr_count|success_cert_issuance_count|csr_parsing_err_count|authentication_failure_count|root_cert_expiry_timestamp|cert_chain_expiry_timestamp)(_total)?",
  "galley_validation_(failed|passed)(_total)?",
  "pilot_(xds|k8s_cfg_events|services|virt_services|vservice_total_instances|endpoint_not_ready|no_ip)",
  "pilot_conflict_(inbound|outbound)_listener(_.*)?",
  "pilot_proxy_convergence_time_(bucket|count|sum)",
  "pilot_(total_)?xds_(pushes|rejects|internal_errors|expired_nonce|push_errors|send_time_count|write_timeout)(_total)?",
  "pilot_xds_(cds|eds|lds|rds)_reject",
  "sidecar_injection_(requests|success|failure|skip)_total",
];

/** Of the agents that redirect pods' traffic. */
export const cniFamilies = [
  ...ofPrograms,
  buildOfIstio,
  "istio_cni_(installs|install_ready|repair_pods_repaired|repair_pods_total)(_total)?",
  "nodeagent_reconcile_events_total",
];

/** Of a proxy. `istio_` is there with Istio's own build of Envoy alone. */
export const proxyFamilies = [
  "envoy_cluster_(membership_healthy|membership_total|outlier_detection_ejections_(active|enforced_total))",
  "envoy_cluster_upstream_cx_(active|connect_fail|overflow|total)",
  "envoy_cluster_upstream_rq(_(active|pending_overflow|retry|retry_overflow|retry_success|timeout|total))?",
  "envoy_cluster_upstream_rq_time_(bucket|count|sum)",
  "envoy_http_rbac",
  "envoy_listener_ssl_(connection_error|fail_verify_(error|no_cert|san|cert_hash)|handshake)",
  "envoy_server_(days_until_first_cert_expiring|live|memory_allocated|total_connections|uptime)",
  "istio_(build|requests_total|request_duration_milliseconds_(bucket|count|sum)|tcp_(sent|received)_bytes_total|tcp_connections_(opened|closed)_total)",
];
