import type * as pulumi from "@pulumi/pulumi";
import { planGeneratedSecrets } from "../components/plan/platform/generated-secrets.ts";
import { planNetworkPolicies } from "../components/plan/connections/network-policies.ts";
import type { Place } from "../components/plan/connections/parties.ts";
import { partPriorityClass } from "../components/plan/platform/priorities.ts";
import { planSecurity } from "../components/plan/platform/security.ts";
import { partsWithIngress } from "../components/plan/monitoring/sign-in.ts";
import { routesOf } from "../components/plan/workload/ingress.ts";
import { ClusterUi } from "../components/platform/cluster-ui.ts";
import { GeneratedSecrets } from "../components/platform/generated-secrets.ts";
import { Harbor } from "../components/platform/harbor.ts";
import { IngressController } from "../components/platform/ingress-controller.ts";
import { LocalPath } from "../components/platform/local-path.ts";
import { NetworkPolicies } from "../components/platform/network-policies.ts";
import { PullSecret } from "../components/platform/pull-secrets.ts";
import { Registry } from "../components/platform/registry.ts";
import { SecurityBaseline } from "../components/platform/security-baseline.ts";
import { toolPath } from "../local/tools.ts";
import type { StackContext } from "./context.ts";

/** What applications and monitoring stand on. */
export interface Platform {
  /** Name of a namespace, known once its policies are there: what uses it comes after them. */
  readonly nameOf: (place: Place) => pulumi.Output<string>;
  /** The same, known once pods there can have a proxy of the mesh, where the stack has one. */
  readonly inMesh: (place: Place) => pulumi.Output<string>;
  /** The same, known once its generated secrets are there too. */
  readonly withSecrets: (place: Place) => pulumi.Output<string>;
  readonly policies: NetworkPolicies;
  /** StorageClass of volumes; undefined: the cluster's default class. */
  readonly storageClassName: pulumi.Input<string> | undefined;
}

/** Namespaces, access, policies, generated secrets and storage. */
export function makePlatform(context: StackContext): Platform {
  const { stack, config, provider, images, connections } = context;
  const namespaces = new SecurityBaseline(
    "security",
    {
      stack,
      ...planSecurity(config, connections.places, images.repository),
      pull: config.images.pull,
      otherPulls: config.monitoring.metricsServer.enabled ? { system: "kube-system" } : {},
    },
    { provider },
  );
  const policies = new NetworkPolicies(
    "network-policies",
    {
      policies: planNetworkPolicies(connections, config.namespaces),
      namespaces: Object.fromEntries(connections.places.map((place) => [place, namespaces.nameOf(place)])),
    },
    { provider },
  );
  const nameOf = (place: Place) => policies.nameOf(place);
  const generated = new Map<Place, pulumi.Output<string>>();
  for (const { place, secrets } of planGeneratedSecrets(config.security.generatedSecrets)) {
    const args = { namespace: nameOf(place), secrets, image: images.thirdParty("node"), stack };
    generated.set(place, new GeneratedSecrets(`generated-secrets-${place}`, args, { provider }).namespace);
  }
  return {
    nameOf,
    inMesh: nameOf,
    withSecrets: (place) => generated.get(place) ?? nameOf(place),
    policies,
    storageClassName: makeStorage(context)?.className ?? config.storage.className,
  };
}

function makeStorage({ config, provider, images }: StackContext): LocalPath | undefined {
  if (config.storage.provisioner !== "local-path") return undefined;
  const localPath = new LocalPath(
    "local-path",
    {
      ...config.storage,
      image: images.thirdParty("local-path-provisioner"),
      helperImage: images.thirdParty("busybox"),
    },
    { provider },
  );
  if (Object.keys(config.images.pull).length > 0) {
    const args = { namespace: localPath.namespace, credentials: config.images.pull };
    new PullSecret("local-path-pull", args, { provider });
  }
  return localPath;
}

/** What serves requests from outside by name; undefined: what the cluster has does. */
export function makeIngressController(
  { config, provider, images }: StackContext,
  { nameOf }: Platform,
): IngressController | undefined {
  const { ingress, services, monitoring } = config;
  if (ingress.controller !== "traefik") return undefined;
  return new IngressController(
    "ingress-controller",
    {
      ...ingress,
      namespace: nameOf("ingress"),
      served: {
        apps: nameOf("apps"),
        ...(partsWithIngress(monitoring).length > 0 && { monitoring: nameOf("monitoring") }),
      },
      image: images.thirdParty("traefik"),
      gatewayApi: routesOf(services).length > 0,
      priorityClassName: partPriorityClass(config.platform),
    },
    { provider },
  );
}

/** A registry of the stack's own, where it has one. */
export async function makeRegistry({ config, provider, images }: StackContext, platform: Platform): Promise<void> {
  const { registry, storage } = config;
  if (registry?.kind === "distribution") {
    new Registry(
      "registry",
      {
        ...registry,
        namespace: platform.nameOf("registry"),
        image: images.thirdParty("registry"),
        nodeImage: images.thirdParty("node"),
        storageClassName: platform.storageClassName,
        retainVolume: storage.retain,
        priorityClassName: partPriorityClass(config.platform),
      },
      { provider },
    );
  }
  if (registry?.kind === "harbor") {
    new Harbor(
      "harbor",
      {
        ...config.images,
        ...registry,
        helm: await toolPath("helm"),
        namespace: config.namespaces.registry,
        storageClassName: storage.className,
        retain: storage.retain,
        metrics: config.monitoring.prometheus.enabled,
      },
      { provider, dependsOn: [platform.policies] },
    );
  }
}

/** A web page that shows the cluster, where the stack wants one. */
export function makeUi({ config, provider, images, connections }: StackContext, { nameOf }: Platform): void {
  if (!config.ui.headlamp.enabled) return;
  const own = Object.fromEntries(connections.places.map((place) => [place, nameOf(place)]));
  new ClusterUi(
    "cluster-ui",
    {
      ...config.ui.headlamp,
      namespace: nameOf("ui"),
      image: images.thirdParty("headlamp"),
      only: config.platform === "shared" ? own : undefined,
    },
    { provider },
  );
}
