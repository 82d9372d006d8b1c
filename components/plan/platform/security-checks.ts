import { monitoringSecretNames, monitoringSecrets } from "../monitoring/made-secrets.ts";
import type { GeneratedSecretSettings } from "./generated-secrets.ts";
import { controlPlaneImages, type ImageCatalog, imageReference } from "../images/images.ts";
import type { Place } from "../connections/parties.ts";
import { list, type Problem } from "../problems.ts";
import { pullSecretName } from "./pull-secrets.ts";
import { needOf, type Quota, type QuotaNeeds } from "./quota.ts";
import { beginsWithHost, isTrusted, repositoryOf } from "../images/trusted-images.ts";

/** What of a configuration its security is checked by. */
export interface SecurityNeeds extends QuotaNeeds {
  readonly images: {
    readonly registry: string;
    readonly mirror?: string | undefined;
    readonly builds: Readonly<Record<string, unknown>>;
    readonly trusted?: readonly string[] | undefined;
    readonly unavailable: readonly string[];
  };
  readonly namespaces: Readonly<Record<Place, string>>;
  readonly security: QuotaNeeds["security"] & {
    readonly access: Readonly<Record<string, readonly string[]>>;
    readonly exemptNamespaces: readonly string[];
    readonly signatures?: { readonly publicKey: string } | undefined;
    readonly generatedSecrets: Readonly<Record<string, GeneratedSecretSettings>>;
  };
}

export interface SecuritySurroundings {
  readonly catalog: ImageCatalog;
  /** Third-party images that the stack needs, by their names in the catalogue. */
  readonly needed: readonly string[];
}

/** Everything that is wrong with quorum:security, and with trust in images. */
export function securityProblems(needs: SecurityNeeds, surroundings: SecuritySurroundings): Problem[] {
  return [
    ...hostProblems(needs.images),
    ...trustProblems(needs, surroundings),
    ...quotaProblems(needs),
    ...accessProblems(needs.security.access),
    ...exemptProblems(needs),
    ...signatureProblems(needs.security.signatures),
    ...generatedProblems(needs),
  ];
}

/** Container runtimes take `registry/app` for an image of Docker Hub, so such a name would trust somebody's account there. */
function hostProblems({ registry, mirror, trusted = [] }: SecurityNeeds["images"]): Problem[] {
  const entries: [string, string | undefined][] = [
    ["registry", registry],
    ["mirror", mirror],
    ...trusted.map((entry, index): [string, string] => [`trusted.${index}`, entry]),
  ];
  return entries.flatMap(([key, value]) =>
    value === undefined || beginsWithHost(value)
      ? []
      : [
          {
            key: `quorum:images.${key}`,
            text: `is "${value}", but it must begin with a host that has a dot or a port, or is localhost, since any other is a folder of Docker Hub; write it in full`,
          },
        ],
  );
}

/** Images that no pod of ours runs, or only in kube-system, which admission leaves alone. */
const notAdmitted: readonly string[] = [...controlPlaneImages, "metrics-server"];

/** A stack must trust what it runs itself. */
function trustProblems(
  { images, jobs, security, monitoring }: SecurityNeeds,
  { catalog, needed }: SecuritySurroundings,
): Problem[] {
  const { builds, mirror, registry, trusted } = images;
  if (trusted === undefined) return [];
  // Without jobs and generated secrets, node is only what our own images are built from.
  const secrets = Object.keys(security.generatedSecrets).length + monitoringSecrets(monitoring).length;
  const runsNode = Object.keys(jobs).length + secrets > 0;
  const names = needed.filter((name) => !notAdmitted.includes(name) && (name !== "node" || runsNode));
  const run = [
    ...(Object.keys(builds).length > 0 ? [`${registry}/quorum/app`] : []),
    ...names.filter((name) => catalog[name] !== undefined).map((name) => imageReference(catalog, name, mirror)),
  ];
  const missing = run.filter((reference) => !isTrusted(reference, trusted));
  if (missing.length === 0) return [];
  const registries = [
    ...new Set(missing.map((reference) => (reference.startsWith(`${registry}/`) ? registry : repositoryOf(reference)))),
  ].sort();
  return [
    {
      key: "quorum:images.trusted",
      text: `is ${list(trusted) || "empty"}, but the stack itself runs images of ${list(registries)}; add ${registries.length === 1 ? "it" : "them"}`,
    },
  ];
}

const units: Readonly<Record<keyof Quota, string>> = {
  pods: "pods",
  cpuMillis: "thousandths of a core",
  memoryMiB: "MiB",
  storageGiB: "GiB",
  loadBalancers: "exposed services",
};

function quotaProblems(needs: SecurityNeeds): Problem[] {
  return (["apps", "monitoring"] as const).flatMap((place) => {
    const need = needOf(place, needs);
    return Object.entries(needs.security.quota[place] ?? {}).flatMap(([key, given]) => {
      const least = need[key as keyof Quota];
      if (given === undefined || given >= least) return [];
      return [
        {
          key: `quorum:security.quota.${place}.${key}`,
          text: `is ${given}, but what this stack itself has there needs ${least} ${units[key as keyof Quota]} at most, roll-outs and jobs included; set it to ${least} or more, or leave it out`,
        },
      ];
    });
  });
}

function accessProblems(access: Readonly<Record<string, readonly string[]>>): Problem[] {
  return Object.entries(access).flatMap(([role, groups]) =>
    groups.flatMap((group, index) => {
      const key = `quorum:security.access.${role}.${index}`;
      if (group.startsWith("system:")) {
        return [
          {
            key,
            text: `is "${group}", but groups of Kubernetes itself are not people; name one of your identity provider`,
          },
        ];
      }
      return groups.indexOf(group) === index ? [] : [{ key, text: `is "${group}" a second time; leave it out` }];
    }),
  );
}

function exemptProblems({ mesh, namespaces, security }: SecurityNeeds): Problem[] {
  return security.exemptNamespaces.flatMap((name, index) => {
    const key = `quorum:security.exemptNamespaces.${index}`;
    const [own] = Object.entries(namespaces).find(([place, each]) => each === name && isOwn(place, mesh?.mode)) ?? [];
    if (own !== undefined) {
      return [
        {
          key,
          text: `is "${name}", but admission is there for this stack's own namespaces (namespaces.${own}); leave it out`,
        },
      ];
    }
    return name === "kube-system" ? [{ key, text: `is "${name}", which is exempt already; leave it out` }] : [];
  });
}

function signatureProblems(signatures: { readonly publicKey: string } | undefined): Problem[] {
  if (signatures === undefined || /-----END PUBLIC KEY-----\s*$/.test(signatures.publicKey)) return [];
  return [
    {
      key: "quorum:security.signatures.publicKey",
      text: 'has no end, but a key in PEM form ends with "-----END PUBLIC KEY-----"; copy all of its lines',
    },
  ];
}

function generatedProblems({ images, security }: SecurityNeeds): Problem[] {
  const names = Object.keys(security.generatedSecrets);
  const section = "quorum:security.generatedSecrets";
  const problems: Problem[] = names.flatMap((name) => {
    const keys = security.generatedSecrets[name]?.keys ?? [];
    const key = `${section}.${name}`;
    if (name === pullSecretName) {
      return [{ key, text: "has the name of the Secret by which nodes pull; give it another" }];
    }
    if (monitoringSecretNames.includes(name)) {
      return [{ key, text: "has the name of a Secret that the monitoring needs for itself; give it another" }];
    }
    if (keys.length === 0) {
      return [{ key: `${key}.keys`, text: "is empty, but a Secret has one key or more; name one, such as password" }];
    }
    const twice = keys.find((each, index) => keys.indexOf(each) !== index);
    return twice === undefined ? [] : [{ key: `${key}.keys`, text: `has "${twice}" twice; leave one of them out` }];
  });
  if (names.length > 0 && images.unavailable.includes("node")) {
    problems.push({
      key: section,
      text: `has ${list(names)}, but they are made by the image node, which images.unavailable names; make them by hand, or provide the image`,
    });
  }
  return problems;
}

/** An Istio that the stack does not install has namespaces of its own. */
function isOwn(place: string, mesh: string | undefined): boolean {
  return mesh === "install" || (place !== "mesh" && place !== "meshAgents");
}
