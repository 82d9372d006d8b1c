/** What is started first and preempted last when room is short. */
export type Priority = "critical" | "standard" | "batch";

/** A PriorityClass as it is made. */
export interface PriorityClassPlan {
  readonly name: string;
  /** Pods without a class have 0, the cluster's own 2,000,000,000 and more. */
  readonly value: number;
  /** `Never`: it waits for room, and no pod is ended for its sake. */
  readonly preemptionPolicy: "PreemptLowerPriority" | "Never";
  readonly description: string;
}

/** Name of a priority's class. Cluster-wide, and the same for each stack: one that shares a cluster names those of its owner. */
export function priorityClassName(priority: Priority): string {
  return `quorum-${priority}`;
}

/**
 * The class that a service names. A stack that shares a cluster names one only for a priority that somebody chose: its owner's
 * stack must have made it.
 */
export function priorityClassOf(priority: Priority, platform: "owned" | "shared"): string | undefined {
  return platform === "owned" || priority !== "standard" ? priorityClassName(priority) : undefined;
}

/**
 * The class of the stack's own parts. One that shares a cluster names none for them: nobody chose one, and a pod whose class the
 * owner has not made is refused.
 */
export function partPriorityClass(platform: "owned" | "shared"): string | undefined {
  return platform === "owned" ? priorityClassName("critical") : undefined;
}

/** The classes that a stack with a cluster of its own makes. None is the cluster's default: pods of others stay as they are. */
export const priorityClasses: readonly PriorityClassPlan[] = [
  {
    name: priorityClassName("critical"),
    value: 1_000_000,
    preemptionPolicy: "PreemptLowerPriority",
    description: "What users wait for: pods of the other classes make room for it.",
  },
  {
    name: priorityClassName("standard"),
    value: 100_000,
    preemptionPolicy: "PreemptLowerPriority",
    description: "Services without a priority of their own.",
  },
  {
    name: priorityClassName("batch"),
    value: 1000,
    preemptionPolicy: "Never",
    description: "What may wait: it takes room that is free, and gives it up first.",
  },
];
