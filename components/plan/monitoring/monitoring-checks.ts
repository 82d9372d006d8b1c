import type { Problem } from "../problems.ts";
import { accessProblems, type AccessSurroundings, type AccessWanted } from "./access-checks.ts";
import { alertmanagerProblems, type AlertmanagerWanted } from "./alertmanager-checks.ts";
import type { WantedParts, PresentParts } from "./parts.ts";
import { redactionProblems, type RedactionWanted } from "./redaction-checks.ts";
import { tlsProblems, type TlsWanted } from "./tls-checks.ts";
import { zipkinProblems, type ZipkinWanted } from "./zipkin-checks.ts";

/** What a stack's monitoring is checked against. */
export interface MonitoringSurroundings extends AccessSurroundings {
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
  monitoring: PresentParts<WantedParts> &
    AlertmanagerWanted &
    RedactionWanted &
    AccessWanted &
    ZipkinWanted &
    TlsWanted,
  surroundings: MonitoringSurroundings,
): Problem[] {
  return [
    ...alertmanagerProblems(monitoring, surroundings),
    ...redactionProblems(monitoring.collector.redact),
    ...accessProblems(monitoring, surroundings),
    ...zipkinProblems(monitoring, surroundings.complete),
    ...tlsProblems(monitoring),
  ];
}
