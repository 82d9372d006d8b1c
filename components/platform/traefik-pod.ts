import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { controllerAdminPort, type IngressPorts } from "../plan/workload/ingress.ts";
import { softSpread } from "./soft-spread.ts";
import { restrictedContainer, restrictedPod } from "./restricted.ts";

export interface IngressControllerArgs {
  /** Namespace of its pods. */
  readonly namespace: pulumi.Input<string>;
  /** Image of Traefik 3.7 or later. */
  readonly image: pulumi.Input<string>;
  /** Namespaces, by their purpose, whose Ingresses and HTTPRoutes it serves, and whose Secrets it may therefore read. */
  readonly served: Readonly<Record<string, pulumi.Input<string>>>;
  /** Name of the IngressClass, and of the GatewayClass. A change replaces both. @default traefik */
  readonly className?: string | undefined;
  /** Pods. @default 2 */
  readonly replicas?: number;
  readonly expose: ExposeArgs;
  /** Whether it serves the Gateway API too, whose CRDs (1.5 or later, standard channel) must be there then. @default false */
  readonly gatewayApi?: boolean;
  readonly priorityClassName?: pulumi.Input<string> | undefined;
}

/** How the outside reaches the controller. */
interface ExposeArgs extends IngressPorts {
  readonly loadBalancerClass?: string | undefined;
  readonly address?: string | undefined;
}

export const selector = { app: "traefik" };
const firstUnprivilegedPort = 1024;
/** Told to stop, it says so to its readiness check and goes on serving this long: every node has taken it out by then. */
const drainSeconds = 10;
/** After that, requests in flight may take this long. */
const finishSeconds = 30;
/** It answers checks before it has read any route; a request that came then would be told that there is no such page. */
const readingSeconds = 5;

/** Label by which a controller finds its GatewayClass: each Traefik of a cluster has the same controller name. */
export const classLabel = "quorum.dev/ingress-namespace";

/** What stands in an IngressClass for this very controller, so that no other Traefik of the cluster serves it. */
export function controllerOf(namespace: pulumi.Input<string>): pulumi.Output<string> {
  return pulumi.interpolate`quorum.dev/${namespace}`;
}

/** The pod of a Traefik that follows one IngressClass, and one GatewayClass where asked, in the namespaces it serves. */
export function traefikPod(
  args: IngressControllerArgs,
  account: pulumi.Output<string>,
  service: pulumi.Output<string>,
): k8s.types.input.core.v1.PodSpec {
  const { httpPort, httpsPort } = args.expose;
  const lowest = Math.min(httpPort, httpsPort);
  const ping = { httpGet: { path: "/ping", port: "admin" } };
  return {
    serviceAccountName: account,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    ...(args.priorityClassName !== undefined && { priorityClassName: args.priorityClassName }),
    terminationGracePeriodSeconds: drainSeconds + finishSeconds + 5,
    securityContext: {
      ...restrictedPod(),
      ...(lowest < firstUnprivilegedPort && {
        sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: String(lowest) }],
      }),
    },
    topologySpreadConstraints: softSpread(selector),
    containers: [
      {
        name: "traefik",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: traefikArgs(args, service),
        ports: [
          { name: "web", containerPort: httpPort, protocol: "TCP" },
          { name: "websecure", containerPort: httpsPort, protocol: "TCP" },
          { name: "admin", containerPort: controllerAdminPort, protocol: "TCP" },
        ],
        readinessProbe: { ...ping, initialDelaySeconds: readingSeconds, periodSeconds: 2, failureThreshold: 2 },
        livenessProbe: { ...ping, initialDelaySeconds: readingSeconds, periodSeconds: 10, failureThreshold: 3 },
        resources: {
          requests: { cpu: "50m", memory: "128Mi", "ephemeral-storage": "16Mi" },
          limits: { cpu: "1", memory: "256Mi", "ephemeral-storage": "64Mi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
      },
    ],
    volumes: [{ name: "tmp", emptyDir: { sizeLimit: "16Mi" } }],
  };
}

function traefikArgs(
  { namespace, served, expose, gatewayApi }: IngressControllerArgs,
  service: pulumi.Output<string>,
): pulumi.Input<string>[] {
  const entryPoint = (name: string, port: number) => [
    `--entryPoints.${name}.address=:${port}`,
    `--entryPoints.${name}.transport.lifeCycle.requestAcceptGraceTimeout=${drainSeconds}s`,
    `--entryPoints.${name}.transport.lifeCycle.graceTimeOut=${finishSeconds}s`,
  ];
  const watched = pulumi.all([...Object.values(served), namespace]);
  const ingress = "--providers.kubernetesIngressNGINX";
  const gateway = "--providers.kubernetesGateway";
  return [
    "--global.checkNewVersion=false",
    "--global.sendAnonymousUsage=false",
    "--log.format=json",
    "--accessLog=true",
    "--accessLog.format=json",
    `--entryPoints.traefik.address=:${controllerAdminPort}`,
    "--ping=true",
    "--metrics.prometheus=true",
    ...entryPoint("web", expose.httpPort),
    ...entryPoint("websecure", expose.httpsPort),
    `${ingress}=true`,
    `${ingress}.httpEntryPoint=web`,
    `${ingress}.httpsEntryPoint=websecure`,
    pulumi.interpolate`${ingress}.controllerClass=${controllerOf(namespace)}`,
    pulumi.interpolate`${ingress}.watchNamespaceSelector=kubernetes.io/metadata.name in (${watched.apply((names) => names.join(", "))})`,
    pulumi.interpolate`${ingress}.publishService=${namespace}/${service}`,
    ...(gatewayApi
      ? [
          `${gateway}=true`,
          pulumi.interpolate`${gateway}.namespaces=${watched.apply((names) => names.join(","))}`,
          pulumi.interpolate`${gateway}.labelSelector=${classLabel}=${namespace}`,
          pulumi.interpolate`${gateway}.statusAddress.service.namespace=${namespace}`,
          pulumi.interpolate`${gateway}.statusAddress.service.name=${service}`,
        ]
      : []),
  ];
}
