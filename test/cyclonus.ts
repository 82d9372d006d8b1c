import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath } from "../local/toolchain.ts";
import type { Point } from "./plan/connections/policy-evaluator.ts";

export const cyclonus = binaryPath("cyclonus", "cyclonus");

/** A packet that cyclonus is asked about. */
export interface Question {
  readonly from: Point;
  readonly to: Point;
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
}

/** What cyclonus says of a packet: whether it may leave its pod, and whether it may enter the other. */
export interface Verdict {
  readonly egress: boolean;
  readonly ingress: boolean;
}

/** Asks cyclonus about all packets at once. It reads the policies from files, and needs no cluster. */
export function analyse(policies: readonly object[], questions: readonly Question[]): Verdict[] {
  const folder = mkdtempSync(join(tmpdir(), "quorum-cyclonus-"));
  try {
    const policyPath = join(folder, "policies");
    mkdirSync(policyPath);
    // JSON is YAML, and each file may hold one policy.
    policies.forEach((policy, index) => writeFileSync(join(policyPath, `${index}.yaml`), JSON.stringify(policy)));
    const trafficPath = join(folder, "traffic.json");
    writeFileSync(trafficPath, JSON.stringify(questions.map(trafficOf)));
    const args = ["analyze", "--mode", "query-traffic", "--policy-path", policyPath, "--traffic-path", trafficPath];
    const text = execFileSync(cyclonus, args, {
      encoding: "utf8",
      maxBuffer: 512 * 1024 * 1024,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const verdicts = text.split("Is traffic allowed?\n").slice(1).map(verdictOf);
    if (verdicts.length !== questions.length)
      throw new Error(`cyclonus answered ${verdicts.length} of ${questions.length} questions`);
    return verdicts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function trafficOf({ from, to, port, protocol }: Question) {
  return { Source: peerOf(from), Destination: peerOf(to), ResolvedPort: port, Protocol: protocol };
}

function peerOf({ ip, namespace, labels = {} }: Point) {
  if (namespace === undefined) return { IP: ip };
  const NamespaceLabels = { "kubernetes.io/metadata.name": namespace };
  return { IP: ip, Internal: { Namespace: namespace, NamespaceLabels, PodLabels: labels } };
}

/** A direction passes when a policy allows it, or when none is there to deny it. Equal cells of a column are printed once. */
function verdictOf(table: string): Verdict {
  const seen = { Ingress: new Set<string>(), Egress: new Set<string>() };
  let [type, action] = ["", ""];
  let all: boolean | undefined;
  for (const line of table.split("\n")) {
    if (!line.startsWith("|")) continue;
    const [first = "", second = "", third = ""] = line
      .split("|")
      .slice(1)
      .map((cell) => cell.trim());
    if (first === "IS ALLOWED?") {
      all = second === "TRUE";
      break;
    }
    if (first === "TYPE") continue;
    if (first !== "") type = first;
    if (second !== "") action = second;
    if (third !== "" && (type === "Ingress" || type === "Egress")) seen[type].add(action);
  }
  const open = (direction: "Ingress" | "Egress") => seen[direction].has("Allow") || seen[direction].size === 0;
  const verdict = { ingress: open("Ingress"), egress: open("Egress") };
  if (all === undefined || all !== (verdict.ingress && verdict.egress))
    throw new Error(`cyclonus' answer reads otherwise than its own summary:\n${table}`);
  return verdict;
}
