/**
 * The components, for programs other than this project's own. What they decide is under `plan/`: pure functions, each a module of the
 * package by its path, such as `quorum/plan/control-plane/topology`.
 */
export { ArchiveVolume, type ArchiveStoreParts, type ArchiveVolumeArgs } from "./control-plane/archive-store.ts";
export {
  ControlPlane,
  type ClusterAccess,
  type ControlPlaneArgs,
  type ControlPlaneSummary,
  type ExistingControlPlaneArgs,
  type KubeadmControlPlaneArgs,
  type SshArgs,
} from "./control-plane/control-plane.ts";
export { EtcdBackup, type EtcdBackupArgs } from "./control-plane/etcd-backup.ts";
export { EtcdMaintenance, type EtcdMaintenanceArgs } from "./control-plane/etcd-maintenance.ts";
export { RestoreDrill, type RestoreDrillArgs } from "./control-plane/restore-drill.ts";
export { AppImage, type AppImageArgs } from "./image/app-image.ts";
export { AppImages, type AppImagesArgs } from "./image/app-images.ts";
export { Jobs, type JobSettings, type JobsArgs } from "./jobs/jobs.ts";
export { OneOffJob } from "./jobs/one-off-job.ts";
export { ScheduledJob, type ScheduledJobArgs } from "./jobs/scheduled-job.ts";
export { EdgeGateway, type EdgeGatewayArgs } from "./mesh/edge-gateway.ts";
export { Istio, type GatewayPodsArgs, type IngressGatewayArgs, type IstioArgs } from "./mesh/istio.ts";
export { Kiali, type KialiArgs } from "./mesh/kiali.ts";
export { MeshPolicies, type MeshPoliciesArgs } from "./mesh/mesh-policies.ts";
export { MeshRoutes, type MeshRoutesArgs } from "./mesh/mesh-routes.ts";
export { Alertmanager, type AlertmanagerArgs, type ReceiverArgs } from "./monitoring/alertmanager.ts";
export { EventCollector } from "./monitoring/event-collector.ts";
export { Grafana, type GrafanaArgs } from "./monitoring/grafana.ts";
export { KubeStateMetrics, type KubeStateMetricsArgs } from "./monitoring/kube-state-metrics.ts";
export { LogAgent } from "./monitoring/log-agent.ts";
export { Loki, type LokiArgs } from "./monitoring/loki.ts";
export { MetricsServer, type MetricsServerArgs } from "./monitoring/metrics-server.ts";
export { NodeExporter, type NodeExporterArgs } from "./monitoring/node-exporter.ts";
export { Prometheus, type PrometheusArgs } from "./monitoring/prometheus.ts";
export { SignInProxy, type SignInProxyArgs } from "./monitoring/sign-in-proxy.ts";
export { TraceGateway, type TraceGatewayArgs } from "./monitoring/trace-gateway.ts";
export { Zipkin, type ZipkinArgs } from "./monitoring/zipkin.ts";
export { Access, type AccessArgs } from "./platform/access.ts";
export { AdmissionPolicies, type AdmissionPoliciesArgs } from "./platform/admission-policies.ts";
export { Chart, type ChartArgs } from "./platform/chart.ts";
export { ClusterUi, type ClusterUiArgs } from "./platform/cluster-ui.ts";
export { Gateway, type GatewayArgs } from "./platform/gateway.ts";
export { GeneratedSecrets, type GeneratedSecretsArgs } from "./platform/generated-secrets.ts";
export { Harbor, type HarborArgs } from "./platform/harbor.ts";
export { ImageSignatures, type ImageSignaturesArgs } from "./platform/image-signatures.ts";
export { IngressController } from "./platform/ingress-controller.ts";
export { LocalPath, type LocalPathArgs } from "./platform/local-path.ts";
export { Namespaces, type NamespacesArgs } from "./platform/namespaces.ts";
export { NetworkPolicies, type NetworkPoliciesArgs } from "./platform/network-policies.ts";
export { PodRestart, type PodRestartArgs } from "./platform/pod-restart.ts";
export { PriorityClasses } from "./platform/priority-classes.ts";
export { PullSecret, type PullCredentials, type PullSecretArgs } from "./platform/pull-secrets.ts";
export { Quotas, type QuotasArgs } from "./platform/quotas.ts";
export { Registry, type RegistryArgs } from "./platform/registry.ts";
export { SecurityBaseline, type SecurityBaselineArgs } from "./platform/security-baseline.ts";
export { VolumeBackup, type VolumeBackupArgs } from "./platform/volume-backup.ts";
export { ServiceIngress, type GatewayReference, type ServiceIngressArgs } from "./workload/ingress.ts";
export { Ingresses, type IngressesArgs } from "./workload/ingresses.ts";
export { Workload } from "./workload/workload.ts";
export type {
  PlacementArgs,
  ProbeArgs,
  SecretArgs,
  TolerationArgs,
  VersionArgs,
  WorkloadArgs,
} from "./workload/args.ts";
export { labelObjects } from "./platform/managed-labels.ts";
