import type { Problem } from "../problems.ts";
import { list } from "../problems.ts";

/** A dashboard as it was read. */
export interface DashboardFile {
  /** Where it was read, for messages. */
  readonly file: string;
  /** Its folder in Grafana, as part of names. */
  readonly folder: string;
  readonly text: string;
}

/** Dashboards of one folder of Grafana, in ConfigMaps that each fit into the cluster's store. */
export interface DashboardFolder {
  readonly folder: string;
  /** What people read. */
  readonly title: string;
  readonly configMaps: readonly { readonly name: string; readonly data: Readonly<Record<string, string>> }[];
}

/** Datasources of a stack, by the uids that dashboards name them by. */
export const datasourceUids = ["prometheus", "loki", "zipkin", "alertmanager"] as const;
export type DatasourceUid = (typeof datasourceUids)[number];

/** Folder of the user's own dashboards. */
export const ownFolder = "own";

/** Grafana's own: its annotations, its sample data, and the results of other queries or panels of the same dashboard. */
const builtIn = ["grafana", "-- Grafana --", "-- Mixed --", "-- Dashboard --"];
const uidPattern = /^[A-Za-z0-9_-]{1,40}$/;
/** Most that one ConfigMap holds, in bytes: the API server takes 1 MiB, names and labels included. */
const roomBytes = 900 * 1024;

interface Dashboard {
  readonly uid?: unknown;
  readonly title?: unknown;
  readonly panels?: unknown;
  readonly templating?: unknown;
}

/** Everything that is wrong with dashboards, by file; `data/dashboards` and the user's are taken together. */
export function dashboardProblems(files: readonly DashboardFile[]): Problem[] {
  const owners = new Map<string, string>();
  return files.flatMap(({ file, text }): Problem[] => {
    const bytes = Buffer.byteLength(text);
    if (bytes > roomBytes)
      return [
        {
          key: file,
          text: `has ${Math.ceil(bytes / 1024)} KiB, but the cluster keeps a dashboard of ${roomBytes / 1024} KiB at most; part it into several`,
        },
      ];
    const dashboard = parsed(text);
    if (typeof dashboard === "string") return [{ key: file, text: dashboard }];
    return [
      ...identityProblems(file, dashboard, owners),
      ...panelProblems(file, dashboard),
      ...datasourceProblems(file, dashboard),
    ];
  });
}

/** @returns the dashboard, or what is wrong with the text */
function parsed(text: string): Dashboard | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `is no JSON: ${(error as Error).message}; export the dashboard again`;
  }
  if (!isMapping(value)) return "is no dashboard, but one is a JSON object; export the dashboard again";
  if (isMapping(value["spec"]) || isMapping(value["dashboard"]))
    return "has the dashboard inside of another object; export it in the classic form, whose fields uid, title and panels are at the top";
  return value;
}

function identityProblems(file: string, { uid, title }: Dashboard, owners: Map<string, string>): Problem[] {
  const problems: Problem[] = [];
  if (typeof uid !== "string" || !uidPattern.test(uid)) {
    const got = uid === undefined ? "is missing" : `is ${JSON.stringify(uid)}`;
    const text = `${got}, but links lead to it, so it must be 1 to 40 letters, digits, hyphens and underscores; set one that stays`;
    problems.push({ key: `${file}: uid`, text });
  } else {
    const other = owners.get(uid);
    if (other !== undefined)
      problems.push({ key: `${file}: uid`, text: `is "${uid}", but ${other} has that uid already; give one another` });
    owners.set(uid, other ?? file);
  }
  if (typeof title !== "string" || title.trim() === "")
    problems.push({ key: `${file}: title`, text: "is missing, but people find a dashboard by it; set one" });
  return problems;
}

function panelProblems(file: string, { panels }: Dashboard): Problem[] {
  const titles = new Map<unknown, string>();
  return panelsOf(panels).flatMap((panel): Problem[] => {
    const { id, title } = panel;
    const name = typeof title === "string" && title !== "" ? `"${title}"` : "a panel without a title";
    if (id === undefined || id === null) return [];
    const other = titles.get(id);
    titles.set(id, other ?? name);
    if (other === undefined) return [];
    return [
      { key: `${file}: panels`, text: `has id ${JSON.stringify(id)} for ${other} and for ${name}; give one another` },
    ];
  });
}

/** Panels, with those inside of rows. */
function panelsOf(panels: unknown): Record<string, unknown>[] {
  if (!Array.isArray(panels)) return [];
  return panels.filter(isMapping).flatMap((panel) => [panel, ...panelsOf(panel["panels"])]);
}

function datasourceProblems(file: string, dashboard: Dashboard): Problem[] {
  const variables = variablesOf(dashboard.templating);
  const known = [...datasourceUids, ...builtIn, ...variables.flatMap((name) => [`$${name}`, `\${${name}}`])];
  const unknown = [...new Set(datasourcesIn(dashboard))].filter((uid) => !known.includes(uid)).sort();
  return unknown.map((uid) => ({
    key: `${file}: datasource`,
    text: `is "${uid}", but a stack has ${list(datasourceUids, "or")}; set one of these uids, or a variable of the dashboard`,
  }));
}

/** Variables by which whoever looks chooses a datasource. */
function variablesOf(templating: unknown): string[] {
  const variables = isMapping(templating) ? templating["list"] : [];
  return (Array.isArray(variables) ? variables : [])
    .filter(isMapping)
    .flatMap(({ name, type }) => (type === "datasource" && typeof name === "string" ? [name] : []));
}

/** Uid of each datasource that anything in a dashboard names; one without a name is the default. */
function datasourcesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(datasourcesIn);
  if (!isMapping(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key !== "datasource") return datasourcesIn(inner);
    const uid = isMapping(inner) ? inner["uid"] : inner;
    return typeof uid === "string" ? [uid] : [];
  });
}

/** Parts dashboards, which are taken as checked, into folders and ConfigMaps. */
export function planDashboards(files: readonly DashboardFile[]): DashboardFolder[] {
  const folders = Map.groupBy(files, ({ folder }) => folder);
  return [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([folder, own]) => ({ folder, title: titleOf(folder), configMaps: packed(folder, own) }));
}

/** In the order of their uids, each into the first ConfigMap with room for it. */
function packed(folder: string, files: readonly DashboardFile[]): DashboardFolder["configMaps"] {
  const maps: { bytes: number; readonly data: Record<string, string> }[] = [];
  const byUid = files
    .map(({ text }): [string, string] => [String((JSON.parse(text) as Dashboard).uid), text])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [uid, text] of byUid) {
    const bytes = Buffer.byteLength(text);
    let map = maps.find((each) => each.bytes + bytes <= roomBytes);
    if (map === undefined) maps.push((map = { bytes: 0, data: {} }));
    map.bytes += bytes;
    map.data[`${uid}.json`] = text;
  }
  return maps.map(({ data }, index) => ({
    name: `grafana-dashboards-${folder}${index === 0 ? "" : `-${index + 1}`}`,
    data,
  }));
}

function titleOf(folder: string): string {
  const words = folder.replaceAll("-", " ");
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
