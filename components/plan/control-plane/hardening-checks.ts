import { serviceAccountIssuer } from "./authentication.ts";
import type { KubeadmSettings } from "./hosts.ts";
import type { Problem } from "../problems.ts";

const root = "quorum:controlPlane";

/** What of the hardening cannot be, or cannot be together. */
export function hardeningProblems(settings: KubeadmSettings): Problem[] {
  return [
    ...encryptionProblems(settings),
    ...auditProblems(settings),
    ...issuerProblems(settings),
    ...flagProblems(settings),
    ...certificateProblems(settings),
    ...requestProblems(settings),
    ...cloudProblems(settings),
  ];
}

/** Kinds that are asked for and answered, but never stored. */
const unstored = new Set([
  "bindings",
  "componentstatuses",
  "tokenreviews.authentication.k8s.io",
  "selfsubjectreviews.authentication.k8s.io",
  "subjectaccessreviews.authorization.k8s.io",
  "selfsubjectaccessreviews.authorization.k8s.io",
  "selfsubjectrulesreviews.authorization.k8s.io",
  "localsubjectaccessreviews.authorization.k8s.io",
  "nodes.metrics.k8s.io",
  "pods.metrics.k8s.io",
]);
/** Kinds that the API server has no API for, and refuses to encrypt. @see k8s.io/apiserver, validation_encryption.go */
const internal = new Set(["apiserveripinfo", "serviceipallocations", "servicenodeportallocations"]);
const coreGroups = new Set(["core", "v1"]);

function encryptionProblems({ encryption: { resources } }: KubeadmSettings): Problem[] {
  return resources.flatMap((resource, index): Problem[] => {
    const problem = (why: string, fix: string) => [
      { key: `${root}.encryption.resources[${index}]`, text: `is ${resource}, but ${why}; ${fix}` },
    ];
    const dot = resource.indexOf(".");
    const [kind, group] = dot < 0 ? [resource, ""] : [resource.slice(0, dot), resource.slice(dot + 1)];
    if (resources.indexOf(resource) < index) return problem("it is there twice", "leave one of them out");
    if (unstored.has(resource)) return problem("objects of that kind are never stored", "leave it out");
    if (internal.has(resource)) return problem("that kind cannot be encrypted", "leave it out");
    if (group === "events.k8s.io") return problem("events are stored under their old name", "set it to events");
    if (group === "extensions") return problem("that group is gone", "set it to a kind that Kubernetes has");
    if (coreGroups.has(group)) return problem("kinds of the core group have none in their name", `set it to ${kind}`);
    return [];
  });
}

/** Rotated files and the one that is written, at their most. */
const mostAuditGiB = 100;

function auditProblems({ audit: { enabled, maxBackups, maxSizeMiB }, hosts }: KubeadmSettings): Problem[] {
  if (!enabled) return [];
  const mebibytes = (maxBackups + 1) * maxSizeMiB;
  const most = Math.round(mebibytes / 102.4) / 10;
  const fix = "set maxBackups or maxSizeMiB to less";
  if (mebibytes > mostAuditGiB * 1024) {
    const text = `may take ${most} GiB with maxBackups ${maxBackups} and maxSizeMiB ${maxSizeMiB}, but it must be ${mostAuditGiB} GiB at most; ${fix}`;
    return [{ key: `${root}.audit`, text }];
  }
  return Object.entries(hosts).flatMap(([name, { role, diskGiB }]): Problem[] =>
    role !== "control-plane" || diskGiB === undefined || most <= diskGiB / 4
      ? []
      : [
          {
            key: `${root}.audit`,
            text: `may take ${most} GiB, but it must be a quarter of the ${diskGiB} GiB of ${name} at most; ${fix}`,
          },
        ],
  );
}

function issuerProblems({ issuers }: KubeadmSettings): Problem[] {
  const seen = new Map<string, string>();
  return Object.entries(issuers).flatMap(([name, { url, audiences, usernamePrefix, groupsPrefix, groupsClaim }]) => {
    const key = `${root}.issuers.${name}`;
    const problems: Problem[] = [];
    const other = seen.get(url);
    seen.set(url, name);
    if (other !== undefined)
      problems.push({ key: `${key}.url`, text: `is ${url}, but that is issuer ${other}; leave one of them out` });
    if (url === serviceAccountIssuer)
      problems.push({
        key: `${key}.url`,
        text: `is ${url}, but that is the cluster's own issuer, whose tokens are taken as they are; leave it out`,
      });
    if (new Set(audiences).size < audiences.length)
      problems.push({ key: `${key}.audiences`, text: "has a name twice; leave one of them out" });
    for (const [part, prefix] of [["usernamePrefix", usernamePrefix] as const, ["groupsPrefix", groupsPrefix] as const])
      if (prefix?.startsWith("system:"))
        problems.push({
          key: `${key}.${part}`,
          text: `is "${prefix}", but names that begin with system: are Kubernetes' own; set it to another, for example to "${name}:"`,
        });
    if (groupsClaim === undefined && groupsPrefix !== "")
      problems.push({
        key: `${key}.groupsPrefix`,
        text: "means nothing without groupsClaim; set groupsClaim, or leave it out",
      });
    return problems;
  });
}

const otherKey = (key: string) => `is set by ${root}.${key}; set that`;
const layout = "is the plan's own, by which its parts find each other; leave it out";

/** Flags that would work against another key, or against the plan. */
const refused: Readonly<Record<keyof KubeadmSettings["flags"], readonly (readonly [RegExp, string])[]>> = {
  apiServer: [
    [/^(authentication-config|anonymous-auth|oidc-.*)$/, otherKey("issuers")],
    [/^audit-(log|policy)-/, otherKey("audit")],
    [/^encryption-provider-/, otherKey("encryption")],
    [/^max-(mutating-)?requests-inflight$/, otherKey("apiServer")],
    [/^token-auth-file$/, "gives passwords that never end; leave it out, and set issuers"],
    [
      /^(advertise-address|bind-address|secure-port|etcd-.*|service-cluster-ip-range|service-account-(issuer|key-file|signing-key-file)|client-ca-file|tls-(cert|private-key)-file|requestheader-.*|proxy-client-.*|kubelet-(client|certificate)-.*)$/,
      layout,
    ],
  ],
  controllerManager: [
    [/^bind-address$/, otherKey("metrics")],
    [/^cluster-signing-duration$/, otherKey("certificates.days")],
    [
      /^(cluster-cidr|cluster-name|service-cluster-ip-range|kubeconfig|.*-kubeconfig|cluster-signing-.*|root-ca-file|service-account-private-key-file|client-ca-file)$/,
      layout,
    ],
  ],
  scheduler: [
    [/^bind-address$/, otherKey("metrics")],
    [/^(kubeconfig|.*-kubeconfig|client-ca-file)$/, layout],
  ],
  etcd: [
    [/^quota-backend-bytes$/, otherKey("etcd.quotaMiB")],
    [/^(heartbeat-interval|election-timeout)$/, otherKey("etcd.roundTripMillis")],
    [/^listen-metrics-urls$/, otherKey("metrics")],
    [
      /^(name|data-dir|wal-dir|initial-.*|listen-.*|advertise-.*|discovery.*|force-new-cluster|(peer-)?(cert|key|trusted-ca)-file|(peer-)?client-cert-auth|(peer-)?auto-tls)$/,
      layout,
    ],
  ],
};

function flagProblems({ flags }: KubeadmSettings): Problem[] {
  return (Object.keys(refused) as (keyof typeof refused)[]).flatMap((part) =>
    Object.entries(flags[part]).flatMap(([name, value]): Problem[] => {
      const why = refused[part].find(([pattern]) => pattern.test(name))?.[1];
      if (why !== undefined) return [{ key: `${root}.flags.${part}.${name}`, text: why }];
      if (name === "authorization-mode" && /AlwaysAllow/.test(value))
        return [
          {
            key: `${root}.flags.${part}.${name}`,
            text: `is ${value}, but that lets everybody do everything; leave it out`,
          },
        ];
      return [];
    }),
  );
}

function certificateProblems({ certificates: { days, authorityDays } }: KubeadmSettings): Problem[] {
  if (days <= authorityDays) return [];
  return [
    {
      key: `${root}.certificates.days`,
      text: `is ${days}, but a certificate cannot outlive the authority that signs it, which lives ${authorityDays} days; set it to ${authorityDays} or less`,
    },
  ];
}

function requestProblems({
  apiServer: { maxRequestsInFlight, maxMutatingRequestsInFlight },
}: KubeadmSettings): Problem[] {
  if (maxMutatingRequestsInFlight === undefined || maxRequestsInFlight !== undefined) return [];
  return [
    {
      key: `${root}.apiServer.maxMutatingRequestsInFlight`,
      text: "is set, but the two count together and maxRequestsInFlight is not; set both",
    },
  ];
}

/** A cloud's controller manager would look for machines that it does not have, and delete their nodes. */
function cloudProblems({ cloudProvider, local }: KubeadmSettings): Problem[] {
  if (cloudProvider === undefined || !local) return [];
  return [
    {
      key: `${root}.cloudProvider`,
      text: `is ${cloudProvider}, but the hosts of local: true are no machines of a cloud; leave it out`,
    },
  ];
}
