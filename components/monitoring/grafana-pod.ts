import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import { grafanaAdminSecret, grafanaEncryptionSecret, grafanaPaths } from "../plan/monitoring/grafana.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import type { PartTls } from "../plan/monitoring/tls.ts";
import { containerResources } from "../platform/container-resources.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import type { GrafanaArgs } from "./grafana.ts";
import { probeScheme, tlsVolume } from "./tls-files.ts";

/** User of the official image. */
const userId = 472;
/** Migrations of its database after a new release, on a slow disk. */
const startupSeconds = 300;
const startupPeriodSeconds = 2;

/** A key of a ConfigMap has no slash. */
function keyOf(path: string): string {
  return path.replaceAll("/", ".");
}

/** Files as the data of a ConfigMap. */
export function filesByKey(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [keyOf(path), text]));
}

/** What its pod mounts. */
export interface Mounted {
  readonly config: pulumi.Output<string>;
  /** Paths of the files in it. */
  readonly files: readonly string[];
  readonly client: pulumi.Output<string> | undefined;
  readonly tls: PartTls | undefined;
  readonly dashboards: readonly { readonly folder: string; readonly names: readonly pulumi.Output<string>[] }[];
}

interface Volumes {
  readonly volumes: k8s.types.input.core.v1.Volume[];
  readonly mounts: k8s.types.input.core.v1.VolumeMount[];
}

function podVolumes({ config, files, client, tls, dashboards }: Mounted): Volumes {
  const certificate = tlsVolume(tls);
  const secrets = [
    ...[grafanaAdminSecret, grafanaEncryptionSecret].map(({ name, key }) => ({
      secret: { name, items: [{ key, path: key }] },
    })),
    ...(client === undefined ? [] : [{ secret: { name: client } }]),
  ];
  return {
    volumes: [
      { name: "config", configMap: { name: config, items: files.map((path) => ({ key: keyOf(path), path })) } },
      { name: "secrets", projected: { defaultMode: 0o440, sources: secrets } },
      ...dashboards.map(({ folder, names }) => ({
        name: `dashboards-${folder}`,
        projected: { sources: names.map((name) => ({ configMap: { name } })) },
      })),
      { name: "tmp", emptyDir: { sizeLimit: "128Mi" } },
      ...certificate.volumes,
    ],
    mounts: [
      { name: "config", mountPath: grafanaPaths.config, readOnly: true },
      { name: "secrets", mountPath: grafanaPaths.secrets, readOnly: true },
      ...dashboards.map(({ folder }) => ({
        name: `dashboards-${folder}`,
        mountPath: `${grafanaPaths.dashboards}/${folder}`,
        readOnly: true,
      })),
      { name: "data", mountPath: grafanaPaths.data },
      { name: "tmp", mountPath: "/tmp" },
      ...certificate.mounts,
    ],
  };
}

/** Pod of Grafana. */
export function grafanaPod(
  args: GrafanaArgs,
  account: pulumi.Output<string>,
  mounted: Mounted,
): k8s.types.input.core.v1.PodSpec {
  const { cpuMillis, memoryMiB } = { ...partDefaults.grafana, ...args };
  const { volumes, mounts } = podVolumes(mounted);
  const get = (path: string) => ({ httpGet: { path, port: "http", ...probeScheme(args.tls) }, timeoutSeconds: 5 });
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(args.priorityClassName === undefined ? {} : { priorityClassName: args.priorityClassName }),
    securityContext: restrictedPod(userId),
    containers: [
      {
        name: "grafana",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        ports: [{ name: "http", containerPort: monitoringPorts.grafana, protocol: "TCP" }],
        startupProbe: {
          ...get("/api/health"),
          periodSeconds: startupPeriodSeconds,
          failureThreshold: startupSeconds / startupPeriodSeconds,
        },
        readinessProbe: { ...get("/login"), periodSeconds: 5, failureThreshold: 3 },
        livenessProbe: { ...get("/api/health"), periodSeconds: 10, failureThreshold: 6 },
        resources: containerResources({ cpuMillis, memoryMiB, ephemeralMiB: 256 }),
        securityContext: restrictedContainer,
        volumeMounts: mounts,
      },
    ],
    volumes,
  };
}
