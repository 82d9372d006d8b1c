import { at, containersOf, type Fields, finding, listOf, mapOf, nameOf, objectsOf, podsOf, show } from "../objects.ts";
import type { Finding, PolicyInput, PolicyObject, Rule } from "../types.ts";

/** No limit of processor time: a pod that meets one is slowed down with cores idle beside it. */
const needed = [
  ["requests", "cpu"],
  ["requests", "memory"],
  ["limits", "memory"],
] as const;

export const resources: Rule = {
  name: "resources",
  scope: "object",
  description:
    "Every container asks for processor time and memory, and has a limit of memory: no pod can starve another.",
  check: (input) =>
    podsOf(input).flatMap((pod) =>
      containersOf(pod).flatMap(({ container, path }) =>
        needed.flatMap(([kind, resource]) =>
          at(container, "resources", kind, resource) === undefined
            ? [
                finding(
                  pod.object,
                  `${path}.resources.${kind}.${resource}`,
                  "is missing, but each container needs requests of cpu and memory and a limit of memory; set it",
                ),
              ]
            : [],
        ),
      ),
    ),
};

const probeFields = ["readinessProbe", "livenessProbe"] as const;

export const probes: Rule = {
  name: "probes",
  scope: "object",
  description: "What serves says when it is ready, and is restarted when it hangs.",
  check: (input) =>
    podsOf(input)
      .filter(({ serves }) => serves)
      .flatMap((pod) =>
        containersOf(pod)
          .filter(({ init }) => !init)
          .flatMap(({ container, path }) =>
            probeFields.flatMap((field) =>
              container[field] === undefined
                ? [
                    finding(
                      pod.object,
                      `${path}.${field}`,
                      "is missing, but a container that serves needs a readinessProbe and a livenessProbe; add one by httpGet, tcpSocket, grpc or exec",
                    ),
                  ]
                : [],
            ),
          ),
      ),
};

export const budgets: Rule = {
  name: "budgets",
  scope: "stack",
  description: "Two replicas or more have a PodDisruptionBudget that lets a drain go on and never takes all of them.",
  check: (input) => {
    const every = objectsOf(input, "PodDisruptionBudget");
    const floors = leastReplicas(input);
    return podsOf(input)
      .filter(({ object }) => object.kind === "Deployment" || object.kind === "StatefulSet")
      .flatMap(({ object, labels }) => {
        const replicas = floors.get(nameOf(object)) ?? at(object, "spec", "replicas") ?? 1;
        if (typeof replicas !== "number" || replicas < 2) return [];
        const own = every.filter(
          (budget) => budget.metadata.namespace === object.metadata.namespace && selects(budget, labels),
        );
        if (own.length === 1 && own[0] !== undefined) return blocking(own[0], replicas);
        return [
          finding(
            object,
            "spec.replicas",
            own.length === 0
              ? `is ${replicas}, but no PodDisruptionBudget has its pods; add one with maxUnavailable 1`
              : `is ${replicas}, but ${own.length} PodDisruptionBudgets have its pods, and then none can be evicted; leave one`,
          ),
        ];
      });
  },
};

/** What autoscalers may go down to, by the name of what they scale. */
function leastReplicas(input: PolicyInput): Map<string, unknown> {
  return new Map(
    objectsOf(input, "HorizontalPodAutoscaler").map((scaler) => {
      const target = mapOf(at(scaler, "spec", "scaleTargetRef"));
      const { namespace } = scaler.metadata;
      return [
        `${String(target["kind"])} ${namespace === undefined ? "" : `${namespace}/`}${String(target["name"])}`,
        at(scaler, "spec", "minReplicas") ?? 1,
      ];
    }),
  );
}

function blocking(budget: PolicyObject, replicas: number): Finding[] {
  const { maxUnavailable, minAvailable } = mapOf(budget["spec"]);
  const allowsNone = maxUnavailable === 0 || maxUnavailable === "0%" || share(minAvailable, replicas) >= replicas;
  const allowsAll = share(maxUnavailable, replicas) >= replicas || minAvailable === 0 || minAvailable === "0%";
  if (!allowsNone && !allowsAll) return [];
  const field = maxUnavailable === undefined ? "minAvailable" : "maxUnavailable";
  const value = show(maxUnavailable ?? minAvailable);
  const harm = allowsNone ? "no node could be drained" : "a drain could take all pods at once";
  return [finding(budget, `spec.${field}`, `is ${value} for ${replicas} replicas: ${harm}; set maxUnavailable to 1`)];
}

/** Pods that an amount is of so many; a share is rounded up, as the disruption controller does. */
function share(amount: unknown, replicas: number): number {
  if (typeof amount === "number") return amount;
  const percent = typeof amount === "string" ? /^(\d+)%$/.exec(amount)?.[1] : undefined;
  return percent === undefined ? 0 : Math.ceil((Number(percent) * replicas) / 100);
}

/** An empty selector has every pod of its namespace. */
function selects(budget: PolicyObject, labels: Fields): boolean {
  const selector = mapOf(at(budget, "spec", "selector"));
  const equal = Object.entries(mapOf(selector["matchLabels"])).every(([key, value]) => labels[key] === value);
  return equal && listOf(selector["matchExpressions"]).every((expression) => matches(mapOf(expression), labels));
}

function matches({ key, operator, values }: Fields, labels: Fields): boolean {
  const value = labels[String(key)];
  if (operator === "Exists") return value !== undefined;
  if (operator === "DoesNotExist") return value === undefined;
  const named = listOf(values).includes(value);
  return operator === "In" ? named : !named;
}
