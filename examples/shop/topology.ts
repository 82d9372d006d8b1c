import { standingOf } from "quorum/plan/control-plane/member-change";

/** The plans are pure functions, and each may be used by itself. */
export function planTopology(members: number): string {
  const { quorum, tolerance } = standingOf(members, members);
  return `${members} members: quorum ${quorum}, ${tolerance} may fail`;
}
