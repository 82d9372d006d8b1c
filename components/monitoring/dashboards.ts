import { basename, dirname } from "node:path";
import { type DashboardFile, dashboardProblems, ownFolder } from "../plan/monitoring/dashboards.ts";
import type { Problem } from "../plan/problems.ts";
import { noSuchFile, projectFiles, projectText } from "./project-files.ts";

const shipped = "data/dashboards";
const key = "quorum:monitoring.grafana.dashboards";

let shippedOnce: { readonly files: readonly DashboardFile[]; readonly problems: readonly Problem[] } | undefined;

/** The dashboards of `data/dashboards/<folder>/`, as they are. */
export function shippedDashboards(): readonly DashboardFile[] {
  return readOnce().files;
}

/** They do not change while a program runs, and are the same for every stack. */
function readOnce(): NonNullable<typeof shippedOnce> {
  if (shippedOnce === undefined) {
    const files = projectFiles(`${shipped}/*/*.json`).map((file) => read(file, basename(dirname(file))));
    shippedOnce = { files, problems: dashboardProblems(files) };
  }
  return shippedOnce;
}

/**
 * The user's own dashboards.
 *
 * @param patterns files of the project, with `*` and `**`
 */
export function ownDashboards(patterns: readonly string[]): { files: DashboardFile[]; problems: Problem[] } {
  const problems: Problem[] = [];
  const found = patterns.flatMap((pattern, index) => {
    const files = projectFiles(pattern);
    if (files.length === 0) problems.push({ key: `${key}[${index}]`, text: noSuchFile(pattern) });
    return files;
  });
  return { files: [...new Set(found)].map((file) => read(file, ownFolder)), problems };
}

/** All dashboards of a Grafana. */
export function grafanaDashboards(patterns: readonly string[]): readonly DashboardFile[] {
  return [...shippedDashboards(), ...ownDashboards(patterns).files];
}

/**
 * Everything that is wrong with a stack's dashboards, each for itself and together.
 *
 * @param hasGrafana whether anything shows them
 */
export function allDashboardProblems(patterns: readonly string[], hasGrafana: boolean): Problem[] {
  if (!hasGrafana) {
    const text =
      "has files, but this stack has no Grafana to show them; set quorum:monitoring.grafana.enabled to true, or leave it out";
    return patterns.length === 0 ? [] : [{ key, text }];
  }
  const { files, problems } = readOnce();
  if (patterns.length === 0) return [...problems];
  const own = ownDashboards(patterns);
  return [...own.problems, ...dashboardProblems([...files, ...own.files])];
}

function read(file: string, folder: string): DashboardFile {
  return { file, folder, text: projectText(file) };
}
