import { at, finding, listOf, mapOf, objectsOf, podsOf, show } from "../objects.ts";
import type { Finding, PolicyInput, PolicyObject, Rule } from "../types.ts";

/** A range with fewer bits than this is not a place but a good part of the Internet. */
const leastPrefix = 8;

export const defaultDeny: Rule = {
  name: "default-deny",
  scope: "stack",
  description: "Each namespace with pods denies by default what no NetworkPolicy allows.",
  check: (input) => undenied(input),
};

export const closedEgress: Rule = {
  name: "closed-egress",
  scope: "object",
  description: "What leaves a pod is named: nothing may call everywhere.",
  check: (input) => [
    ...objectsOf(input, "NetworkPolicy").flatMap((policy) => policyFindings(policy)),
    ...objectsOf(input, "ServiceEntry").flatMap((entry) => entryFindings(entry)),
    ...objectsOf(input, "Sidecar").flatMap((sidecar) => {
      const mode = at(sidecar, "spec", "outboundTrafficPolicy", "mode");
      if (mode !== "ALLOW_ANY") return [];
      const text = "is ALLOW_ANY, but only what a ServiceEntry names may be called; set it to REGISTRY_ONLY";
      return [finding(sidecar, "spec.outboundTrafficPolicy.mode", text)];
    }),
  ],
};

/** Namespaces of the stack that have pods, and no policy that denies what no other one allows. */
function undenied(input: PolicyInput): Finding[] {
  const inhabited = new Set(podsOf(input).map(({ object }) => object.metadata.namespace));
  const denied = new Set(
    objectsOf(input, "NetworkPolicy")
      .filter(
        (policy) =>
          isEmpty(at(policy, "spec", "podSelector")) && listOf(at(policy, "spec", "policyTypes")).includes("Egress"),
      )
      .map(({ metadata }) => metadata.namespace),
  );
  return objectsOf(input, "Namespace")
    .filter(({ metadata: { name } }) => inhabited.has(name) && !denied.has(name))
    .map((namespace) =>
      finding(
        namespace,
        "",
        "has pods, but no NetworkPolicy for all of them with policyTypes Egress; add one that denies, and others for what is needed",
      ),
    );
}

function policyFindings(policy: PolicyObject): Finding[] {
  return listOf(at(policy, "spec", "egress")).flatMap((value, index) => {
    const { to } = mapOf(value);
    const field = `spec.egress.${index}.to`;
    if (listOf(to).length === 0)
      return [finding(policy, field, "is empty, which is everywhere, but egress names its peers; name them")];
    return listOf(to).flatMap((peer) => {
      const cidr = at(peer, "ipBlock", "cidr");
      if (typeof cidr !== "string" || prefixOf(cidr) >= leastPrefix) return [];
      return [
        finding(
          policy,
          field,
          `is ${show(cidr)}, but egress goes to ranges of /${leastPrefix} or smaller; name the ranges of what is called`,
        ),
      ];
    });
  });
}

function entryFindings(entry: PolicyObject): Finding[] {
  const spec = mapOf(entry["spec"]);
  const found: Finding[] = [];
  for (const host of listOf(spec["hosts"]))
    if (String(host).startsWith("*"))
      found.push(
        finding(entry, "spec.hosts", `has ${show(host)}, but a host is named in full; name each that is called`),
      );
  for (const address of listOf(spec["addresses"]))
    if (prefixOf(String(address)) < leastPrefix)
      found.push(
        finding(
          entry,
          "spec.addresses",
          `has ${show(address)}, but a range is /${leastPrefix} or smaller; name the ranges of what is called`,
        ),
      );
  if (listOf(spec["ports"]).length === 0)
    found.push(finding(entry, "spec.ports", "is empty, but what is called has a port; name it"));
  const exported = listOf(spec["exportTo"]);
  if (exported.length === 0 || exported.includes("*"))
    found.push(
      finding(
        entry,
        "spec.exportTo",
        `is ${show(spec["exportTo"])}, but an entry is for namespaces that need it; set it to ["."]`,
      ),
    );
  return found;
}

function isEmpty(value: unknown): boolean {
  return Object.keys(mapOf(value)).length === 0;
}

/** Bits of a range; an address without them is one address. */
function prefixOf(range: string): number {
  const bits = /\/(\d+)$/.exec(range)?.[1];
  return bits === undefined ? 32 : Number(bits);
}
