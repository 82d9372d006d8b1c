import type { Problem } from "../problems.ts";
import { scheduleProblem } from "../jobs/schedule.ts";

/** What of a configuration decides whether its registry can be made. */
export interface RegistrySettings {
  readonly registry?:
    | { readonly kind: "distribution"; readonly htpasswd: string; readonly garbageCollection: string }
    | { readonly kind: "harbor" }
    | undefined;
}

/** `robot:$2y$05$…`: distribution knows bcrypt alone. */
const bcryptLine = /^[^:\s]+:\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;

/** Everything that is wrong with the registry of a stack. Its shape is taken as checked. */
export function registryProblems({ registry }: RegistrySettings): Problem[] {
  if (registry?.kind !== "distribution") return [];
  const problems: Problem[] = [];
  // A render has a stand-in where the stack has a secret.
  const lines = registry.htpasswd === "unset:registry.htpasswd" ? [] : registry.htpasswd.trimEnd().split("\n");
  for (const [index, line] of lines.entries()) {
    if (bcryptLine.test(line)) continue;
    problems.push({
      key: "quorum:registry.htpasswd",
      text: `has a line ${index + 1} that is not a user name, a colon and a bcrypt hash; make it by \`htpasswd -nbB NAME PASSWORD\``,
    });
  }
  const users = lines.map((line) => line.slice(0, line.indexOf(":")));
  const twice = users.find((user, index) => users.indexOf(user) !== index);
  if (twice !== undefined) {
    problems.push({
      key: "quorum:registry.htpasswd",
      text: `names ${twice} twice, but only one of the lines would count; leave one out`,
    });
  }
  const schedule = scheduleProblem(registry.garbageCollection, "Etc/UTC");
  if (schedule !== undefined) {
    problems.push({
      key: "quorum:registry.garbageCollection",
      text: `is "${registry.garbageCollection}", but ${schedule}`,
    });
  }
  return problems;
}
