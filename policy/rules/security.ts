import {
  at,
  containersOf,
  type Fields,
  finding,
  listOf,
  mapOf,
  objectsOf,
  type PodPlace,
  podsOf,
  show,
} from "../objects.ts";
import type { Finding, PolicyInput, Rule } from "../types.ts";

/** Volumes that Pod Security `restricted` lets pods have. @see kubernetes.io/docs/concepts/security/pod-security-standards */
const restrictedVolumes = new Set([
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
  "image",
]);
const label = "pod-security.kubernetes.io/enforce";

export const restrictedSecurity: Rule = {
  name: "restricted-security",
  scope: "object",
  description:
    "Pods keep to Pod Security `restricted`, and their namespaces enforce it: who breaks out of one has nothing.",
  check: (input) => [...namespaceFindings(input), ...podsOf(input).flatMap((pod) => podFindings(pod))],
};

function namespaceFindings(input: PolicyInput): Finding[] {
  return objectsOf(input, "Namespace").flatMap((namespace) => {
    const level = namespace.metadata.labels?.[label];
    if (level === "restricted") return [];
    return [
      finding(
        namespace,
        `metadata.labels["${label}"]`,
        `is ${show(level)}, but a namespace enforces restricted; set it, and move pods that need more to a namespace of their own`,
      ),
    ];
  });
}

function podFindings(pod: PodPlace): Finding[] {
  const { object, spec, path } = pod;
  const say = (field: string, text: string) => finding(object, `${path}.${field}`, text);
  const host = ["hostNetwork", "hostPID", "hostIPC"].flatMap((field) =>
    spec[field] === true ? [say(field, "is true, but a pod has namespaces of its own; leave it out")] : [],
  );
  const volumes = listOf(spec["volumes"]).flatMap((value) => {
    const { name, ...sources } = mapOf(value);
    const kind = Object.keys(sources).find((source) => !restrictedVolumes.has(source));
    if (kind === undefined) return [];
    return [
      say(
        `volumes.${String(name)}`,
        `is a ${kind} volume, but restricted pods have none of the node; use a PersistentVolumeClaim or emptyDir`,
      ),
    ];
  });
  return [...host, ...volumes, ...containersOf(pod).flatMap((place) => containerFindings(pod, place))];
}

function containerFindings({ object, spec }: PodPlace, place: { container: Fields; path: string }): Finding[] {
  const security = mapOf(place.container["securityContext"]);
  const ofPod = mapOf(spec["securityContext"]);
  const say = (field: string, text: string) => finding(object, `${place.path}.securityContext.${field}`, text);
  const found: Finding[] = [];
  if (security["privileged"] === true)
    found.push(say("privileged", "is true, but no container is; leave it out and add the one thing it needs"));
  if (security["allowPrivilegeEscalation"] !== false)
    found.push(
      say("allowPrivilegeEscalation", `is ${show(security["allowPrivilegeEscalation"])}, but must be false; set it`),
    );
  if ((security["runAsNonRoot"] ?? ofPod["runAsNonRoot"]) !== true)
    found.push(
      say("runAsNonRoot", "is not true, neither here nor in the pod, but no process is root; set it and a runAsUser"),
    );
  if ((security["runAsUser"] ?? ofPod["runAsUser"]) === 0)
    found.push(say("runAsUser", "is 0, which is root; set another user"));
  const profile = at(security, "seccompProfile", "type") ?? at(ofPod, "seccompProfile", "type");
  if (profile !== "RuntimeDefault" && profile !== "Localhost")
    found.push(say("seccompProfile.type", `is ${show(profile)}, but must be RuntimeDefault or Localhost; set it`));
  if (!listOf(at(security, "capabilities", "drop")).includes("ALL"))
    found.push(say("capabilities.drop", "lacks ALL, but every capability is dropped; set it to [ALL]"));
  const added = listOf(at(security, "capabilities", "add")).filter((name) => name !== "NET_BIND_SERVICE");
  if (added.length > 0)
    found.push(say("capabilities.add", `is ${show(added)}, but only NET_BIND_SERVICE may be added; leave it out`));
  return found;
}
