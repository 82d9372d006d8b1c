import { groupOf, type KubeObject } from "../direct/objects.ts";
import { at, canonical, containersOf, list, podSpec, text, texts, tree, type Tree } from "./values.ts";

/**
 * Why more is allowed, or reachable, after a change than before; empty where nothing is. `before` is undefined for an object
 * that comes.
 */
export function widening(before: KubeObject | undefined, after: KubeObject): string[] {
  const kind = `${groupOf(after.apiVersion)}/${after.kind}`;
  switch (kind) {
    case "rbac.authorization.k8s.io/Role":
    case "rbac.authorization.k8s.io/ClusterRole":
      return roleWidening(before, after);
    case "rbac.authorization.k8s.io/RoleBinding":
    case "rbac.authorization.k8s.io/ClusterRoleBinding":
      return bindingWidening(before, after);
    case "networking.k8s.io/NetworkPolicy":
      return policyWidening(before, after);
    case "/Namespace":
      return podSecurityWidening(before, after);
    case "security.istio.io/AuthorizationPolicy":
    case "security.istio.io/PeerAuthentication":
    case "security.istio.io/RequestAuthentication":
      return meshWidening(before, after);
    case "/Service":
      return serviceWidening(before, after);
    case "networking.k8s.io/Ingress":
    case "gateway.networking.k8s.io/HTTPRoute":
    case "gateway.networking.k8s.io/Gateway":
    case "networking.istio.io/Gateway":
    case "networking.istio.io/ServiceEntry":
      return hostWidening(before, after);
    default:
      if (groupOf(after.apiVersion) === "admissionregistration.k8s.io" && before !== undefined)
        return ["what is admitted to the cluster changes"];
      return podWidening(before, after);
  }
}

interface Grant {
  readonly text: string;
  readonly parts: readonly (readonly string[])[];
}

/** Each verb on each resource of a role. */
function grantsOf(role: KubeObject | undefined): Grant[] {
  return list(role?.["rules"]).flatMap((rule) => {
    const names = texts(at(rule, "resourceNames"));
    const urls = texts(at(rule, "nonResourceURLs"));
    const groups = urls.length > 0 ? [""] : texts(at(rule, "apiGroups"));
    const resources = urls.length > 0 ? urls : texts(at(rule, "resources"));
    return groups.flatMap((group) =>
      resources.flatMap((resource) =>
        texts(at(rule, "verbs")).flatMap((verb) =>
          (names.length === 0 ? ["*"] : names).map((name) => ({
            text: `${verb} ${resource}${group === "" ? "" : `.${group}`}${name === "*" ? "" : ` ${name}`}`,
            parts: [[group], [resource], [verb], [name]],
          })),
        ),
      ),
    );
  });
}

function roleWidening(before: KubeObject | undefined, after: KubeObject): string[] {
  const had = grantsOf(before);
  const covered = (grant: Grant) =>
    had.some(({ parts }) => parts.every(([part], index) => part === "*" || part === grant.parts[index]?.[0]));
  const more = grantsOf(after).filter((grant) => !covered(grant));
  // A role that comes grants nothing before a binding names it, but a wildcard is worth a look at once.
  const shown = before === undefined ? more.filter(({ text }) => text.includes("*")) : more;
  if (shown.length > 0) return [`may also: ${enumerate(shown.map(({ text }) => text))}`];
  if (before !== undefined && canonical(before["aggregationRule"]) !== canonical(after["aggregationRule"]))
    return ["other roles are gathered in it"];
  return [];
}

function bindingWidening(before: KubeObject | undefined, after: KubeObject): string[] {
  const subject = (value: unknown) => {
    const { kind, namespace, name } = tree(value);
    return `${text(kind)} ${namespace === undefined ? "" : `${text(namespace)}/`}${text(name)}`;
  };
  const had = list(before?.["subjects"]).map(subject);
  const roleChanges = before !== undefined && canonical(before["roleRef"]) !== canonical(after["roleRef"]);
  const more = list(after["subjects"])
    .map(subject)
    .filter((name) => roleChanges || !had.includes(name));
  const role = `${text(at(after, "roleRef", "kind"))} ${text(at(after, "roleRef", "name"))}`;
  return more.length === 0 ? [] : [`${enumerate(more)} may do what ${role} allows`];
}

interface Opening {
  readonly direction: string;
  readonly peer: string;
  readonly port: string;
}
const any = "any";

function openingsOf(policy: KubeObject | undefined): Opening[] {
  return [
    ["ingress", "from"],
    ["egress", "to"],
  ].flatMap(([direction = "", peers = ""]) =>
    list(at(policy, "spec", direction)).flatMap((rule) => {
      const of = (key: string) => (list(at(rule, key)).length === 0 ? [any] : list(at(rule, key)).map(canonical));
      return of(peers).flatMap((peer) => of("ports").map((port) => ({ direction, peer, port })));
    }),
  );
}

function policyTypes(policy: KubeObject): readonly string[] {
  const given = texts(at(policy, "spec", "policyTypes"));
  if (given.length > 0) return given;
  return at(policy, "spec", "egress") === undefined ? ["Ingress"] : ["Ingress", "Egress"];
}

function policyWidening(before: KubeObject | undefined, after: KubeObject): string[] {
  const reasons: string[] = [];
  const had = openingsOf(before);
  const more = openingsOf(after).filter(
    (next) =>
      !had.some(
        ({ direction, peer, port }) =>
          direction === next.direction && [any, next.peer].includes(peer) && [any, next.port].includes(port),
      ),
  );
  if (more.length > 0)
    reasons.push(
      `lets more through: ${enumerate(more.map(({ direction, peer, port }) => `${direction} ${direction === "ingress" ? "from" : "to"} ${peer}${port === any ? "" : ` at ${port}`}`))}`,
    );
  if (before === undefined) return reasons;
  const lost = policyTypes(before).filter((type) => !policyTypes(after).includes(type));
  if (lost.length > 0) reasons.push(`no longer closes ${lost.join(" and ")}`);
  if (canonical(at(before, "spec", "podSelector")) !== canonical(at(after, "spec", "podSelector")))
    reasons.push("selects other pods; those that it leaves may be open");
  return reasons;
}

const levels = ["privileged", "baseline", "restricted"];
const enforce = "pod-security.kubernetes.io/enforce";

function podSecurityWidening(before: KubeObject | undefined, after: KubeObject): string[] {
  const level = (object: KubeObject) => object.metadata.labels?.[enforce] ?? "privileged";
  const [from, to] = [before === undefined ? "restricted" : level(before), level(after)];
  return levels.indexOf(to) < levels.indexOf(from) ? [`Pod Security ${from} → ${to}`] : [];
}

function meshWidening(before: KubeObject | undefined, after: KubeObject): string[] {
  if (after.kind === "PeerAuthentication") {
    const mode = (object: KubeObject | undefined) => text(at(object, "spec", "mtls", "mode"), "UNSET");
    const weak = mode(after) !== "STRICT" && (before === undefined || mode(before) === "STRICT");
    return weak ? [`mTLS is no longer asked for: ${mode(after)}`] : [];
  }
  if (after.kind === "RequestAuthentication") return before === undefined ? [] : ["whose tokens are taken changes"];
  const rules = (object: KubeObject | undefined) => list(at(object, "spec", "rules")).map(canonical);
  const denies = at(after, "spec", "action") === "DENY";
  const [had, has] = [rules(before), rules(after)];
  const more = denies ? had.filter((rule) => !has.includes(rule)) : has.filter((rule) => !had.includes(rule));
  const reasons = more.length === 0 ? [] : [`${denies ? "no longer denies" : "allows"} ${enumerate(more)}`];
  if (before !== undefined && canonical(at(before, "spec", "selector")) !== canonical(at(after, "spec", "selector")))
    reasons.push("holds for other pods");
  return reasons;
}

function serviceWidening(before: KubeObject | undefined, after: KubeObject): string[] {
  const open = (object: KubeObject | undefined) => {
    const type = text(at(object, "spec", "type"), "ClusterIP");
    const ports =
      type === "ClusterIP"
        ? []
        : list(at(object, "spec", "ports")).map((port) => `${type} ${text(tree(port)["port"])}`);
    return [...ports, ...texts(at(object, "spec", "externalIPs"))];
  };
  const had = open(before);
  const more = open(after).filter((each) => !had.includes(each));
  return more.length === 0 ? [] : [`can be reached from outside the cluster: ${enumerate(more)}`];
}

function hostWidening(before: KubeObject | undefined, after: KubeObject): string[] {
  const hosts = (object: KubeObject | undefined) => [
    ...texts(at(object, "spec", "hostnames")),
    ...texts(at(object, "spec", "hosts")),
    ...list(at(object, "spec", "rules")).flatMap((rule) =>
      at(rule, "host") === undefined ? [] : [text(at(rule, "host"))],
    ),
    ...list(at(object, "spec", "listeners")).map((one) => `${text(at(one, "hostname"), "*")}:${text(at(one, "port"))}`),
    ...list(at(object, "spec", "servers")).flatMap((server) => texts(at(server, "hosts"))),
  ];
  const had = hosts(before);
  const more = hosts(after).filter((host) => !had.includes(host));
  if (more.length === 0) return [];
  return [
    `${after.kind === "ServiceEntry" ? "opens a way out to" : "can be reached from outside as"} ${enumerate(more)}`,
  ];
}

/** What a pod may do to its node, in words. */
function powersOf(spec: Tree | undefined): string[] {
  if (spec === undefined) return [];
  const host = ["hostNetwork", "hostPID", "hostIPC"].filter((key) => spec[key] === true);
  const paths = list(spec["volumes"]).flatMap((volume) => {
    const path = at(volume, "hostPath", "path");
    return path === undefined ? [] : [`hostPath ${text(path)}`];
  });
  const token = spec["automountServiceAccountToken"] === false ? [] : ["a token of the API server"];
  const contexts = containersOf(spec).flatMap((container) => {
    const own = tree(container["securityContext"]);
    const setting = (key: string) => own[key] ?? at(spec, "securityContext", key);
    const seccomp = at(setting("seccompProfile"), "type");
    const found = [
      ...(own["privileged"] === true ? ["privileged"] : []),
      ...(own["allowPrivilegeEscalation"] === false ? [] : ["allowPrivilegeEscalation"]),
      ...(own["readOnlyRootFilesystem"] === true ? [] : ["a writable root file system"]),
      ...(setting("runAsNonRoot") === true ? [] : ["may run as root"]),
      ...(seccomp === "RuntimeDefault" || seccomp === "Localhost" ? [] : ["no seccomp profile"]),
      ...texts(at(own, "capabilities", "add")).map((name) => `capability ${name}`),
      ...(texts(at(own, "capabilities", "drop")).includes("ALL") ? [] : ["capabilities that are not dropped"]),
    ];
    return found.map((power) => `${power} (${text(container["name"])})`);
  });
  return [...host, ...paths, ...token, ...contexts];
}

function podWidening(before: KubeObject | undefined, after: KubeObject): string[] {
  const had = powersOf(podSpec(before));
  const more = powersOf(podSpec(after)).filter((power) => !had.includes(power));
  // Of a pod that comes only what Pod Security's restricted level would not let in is news.
  const news = before === undefined ? more.filter((power) => !/^a (token|writable)/.test(power)) : more;
  return news.length === 0 ? [] : [`its pods get: ${enumerate(news)}`];
}

const named = 4;

function enumerate(items: readonly string[]): string {
  const more = items.length - named;
  return `${items.slice(0, named).join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}
