import type { Problem } from "../problems.ts";
import type { WantedParts, PresentParts } from "./parts.ts";

/** What a stack's monitoring is checked against. */
export interface MonitoringSurroundings {
  readonly platform: "owned" | "shared";
  /** Whether the stack's cluster is one of local hosts. */
  readonly local: boolean;
  /** Refuses stand-ins for values that nobody has set. */
  readonly complete: boolean;
  /** Services that the configuration names, those with problems of their own among them. */
  readonly services: readonly string[];
}

/** Everything in a stack's monitoring that contradicts itself or what is around it. Shapes are taken as checked. */
export function monitoringProblems(
  _monitoring: PresentParts<WantedParts>,
  _surroundings: MonitoringSurroundings,
): Problem[] {
  return [];
}
