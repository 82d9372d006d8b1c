import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { planResources } from "../plan/workload/resources.ts";
import type { Spreading } from "../plan/workload/spread.ts";
import { planTermination } from "../plan/workload/termination.ts";
import { podSelector } from "../plan/workload/versions.ts";
import type { WorkloadPlan } from "../plan/workload/workload.ts";
import { containerResources } from "../platform/container-resources.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import type { PlacementArgs, ProbeArgs, WorkloadArgs } from "./args.ts";
import type { WorkloadFiles } from "./files.ts";
import { portName } from "./service.ts";
import { tracing } from "./tracing.ts";
import { podVolumeName } from "./volumes.ts";

type PodSpec = k8s.types.input.core.v1.PodSpec;

const firstUnprivilegedPort = 1024;

export interface PodParts {
  readonly serviceName: string;
  /** Undefined for a service without versions. */
  readonly version?: string | undefined;
  readonly account: pulumi.Output<string>;
  readonly files: WorkloadFiles;
  /** Volumes of the pod that claims of its own back; those of a StatefulSet are its controller's to add. */
  readonly claimed: readonly k8s.types.input.core.v1.Volume[];
}

/** The template of a workload's pods. */
export function podTemplate(
  parts: PodParts,
  plan: WorkloadPlan,
  args: WorkloadArgs,
): k8s.types.input.core.v1.PodTemplateSpec {
  const { annotations } = parts.files;
  const labels = { ...podSelector(parts.serviceName, parts.version), instancetype: args.role };
  return {
    metadata: { labels, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: podSpec(parts, plan, args),
  };
}

function podSpec(parts: PodParts, plan: WorkloadPlan, args: WorkloadArgs): PodSpec {
  const { serviceName, account, files, claimed } = parts;
  const { resources, volumes = {}, priorityClassName } = args;
  const graceSeconds = args.gracePeriodSeconds ?? 30;
  const fromTemplates = plan.kind === "StatefulSet";
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(priorityClassName !== undefined && { priorityClassName }),
    ...scheduling(podSelector(serviceName, parts.version), plan, args.placement ?? {}),
    securityContext: {
      ...restrictedPod(),
      // A large volume is not walked through at each start, only when its owner is another.
      ...(Object.keys(volumes).length > 0 && { fsGroupChangePolicy: "OnRootMismatch" }),
      ...(args.port < firstUnprivilegedPort && {
        sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: String(args.port) }],
      }),
    },
    terminationGracePeriodSeconds: graceSeconds,
    containers: [
      {
        name: serviceName,
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        env: environment(parts, args),
        ports: [{ name: portName, containerPort: args.port, protocol: "TCP" }],
        ...probes(args.probes ?? {}),
        lifecycle: { preStop: { sleep: { seconds: planTermination(graceSeconds).preStopSeconds } } },
        // The last lines of a crash stand in the pod's status, where they outlive its log.
        terminationMessagePolicy: "FallbackToLogsOnError",
        resources: containerResources(resources),
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "tmp", mountPath: "/tmp" },
          ...files.folders.map(({ mountPath, volume }) => ({ name: volume.name, mountPath, readOnly: true })),
          ...Object.entries(volumes).map(([volume, { mountPath }]) => ({
            name: fromTemplates ? volume : podVolumeName(volume),
            mountPath,
          })),
        ],
      },
    ],
    volumes: [
      { name: "tmp", emptyDir: { sizeLimit: `${planResources(resources).ephemeralMiB}Mi` } },
      ...files.folders.map(({ volume }) => volume),
      ...claimed,
    ],
  };
}

function environment({ serviceName, version, files }: PodParts, args: WorkloadArgs): k8s.types.input.core.v1.EnvVar[] {
  const { drainSeconds, finishSeconds } = planTermination(args.gracePeriodSeconds ?? 30);
  const plain = {
    PORT: String(args.port),
    ROLE: args.role,
    APP_NAME: serviceName,
    ...(version !== undefined && { VERSION: version }),
    SHUTDOWN_DELAY_SECONDS: String(drainSeconds),
    SHUTDOWN_TIMEOUT_SECONDS: String(finishSeconds),
    ...args.env,
  };
  const secret = new Set(files.env.map(({ name }) => name as string));
  const { place, settings } = tracing(serviceName, { ...args, version }, [...Object.keys(plain), ...secret]);
  return [
    ...place,
    ...Object.entries(plain)
      .filter(([name]) => !secret.has(name))
      .map(([name, value]) => ({ name, value })),
    ...files.env,
    ...settings,
  ];
}

function scheduling(
  labels: Record<string, string>,
  { kind, spread }: WorkloadPlan,
  placement: PlacementArgs,
): Partial<PodSpec> {
  const { nodeSelector = {}, tolerations = [] } = placement;
  const rules: readonly (readonly [string, Spreading])[] = spread
    ? [
        ["kubernetes.io/hostname", spread.hosts],
        ["topology.kubernetes.io/zone", spread.zones],
      ]
    : [];
  const constraints = rules
    .filter(([, spreading]) => spreading !== "off")
    .map(([topologyKey, spreading]) => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: spreading === "hard" ? "DoNotSchedule" : "ScheduleAnyway",
      labelSelector: { matchLabels: labels },
      // Hosts that are drained, lost or not for these pods do not count: their want of pods would keep pods from all others.
      nodeTaintsPolicy: "Honor",
      // Each revision by itself, so that a roll-out's new pods lie evenly when the old ones are gone. Pods of a StatefulSet
      // go before they come, so theirs are even throughout.
      ...(kind === "Deployment" && { matchLabelKeys: ["pod-template-hash"] }),
    }));
  return {
    ...(constraints.length > 0 && { topologySpreadConstraints: constraints }),
    ...(Object.keys(nodeSelector).length > 0 && { nodeSelector: { ...nodeSelector } }),
    ...(tolerations.length > 0 && {
      tolerations: tolerations.map(({ key, value, effect }) => ({
        key,
        ...(value === undefined ? { operator: "Exists" } : { operator: "Equal", value }),
        ...(effect !== undefined && { effect }),
      })),
    }),
  };
}

function probes(
  args: ProbeArgs,
): Pick<k8s.types.input.core.v1.Container, "startupProbe" | "readinessProbe" | "livenessProbe"> {
  const readinessPath = args.readinessPath ?? "/health";
  const periodSeconds = args.periodSeconds ?? 5;
  const timeoutSeconds = args.timeoutSeconds ?? 1;
  const get = (path: string) => ({ httpGet: { path, port: portName }, timeoutSeconds });
  return {
    startupProbe: { ...get(readinessPath), periodSeconds: 1, failureThreshold: args.startupSeconds ?? 60 },
    readinessProbe: { ...get(readinessPath), periodSeconds, failureThreshold: 2 },
    livenessProbe: { ...get(args.livenessPath ?? "/api/job/alive/check"), periodSeconds, failureThreshold: 3 },
  };
}
