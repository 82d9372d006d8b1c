import { existsSync } from "node:fs";
import { join } from "node:path";

/** A chart as helm is told of it. */
interface ChartPlace {
  readonly chart: string;
  readonly repository?: string;
  readonly version?: string;
}

/** Where the charts of one release of Istio are. */
export interface IstioCharts {
  readonly places: Readonly<Record<"base" | "istiod" | "cni" | "gateway", ChartPlace>>;
  /** Folder where their objects are kept once they are rendered. @default they are rendered each time */
  readonly keptIn?: string | undefined;
}

/** Folders of each chart: as helm unpacks it, and as it lies in Istio's own tree. */
const folders = {
  base: ["base"],
  istiod: ["istiod", "istio-control/istio-discovery"],
  cni: ["cni", "istio-cni"],
  gateway: ["gateway"],
} as const;

/**
 * The charts below a folder, or in a repository.
 *
 * @param version of the charts in a repository
 * @throws naming the key and what is missing
 */
export function istioChartsAt(source: string, version: string): Pick<IstioCharts, "places"> {
  if (/^https?:\/\//.test(source)) {
    const place = (chart: string) => ({ chart, repository: source, version });
    return { places: { base: place("base"), istiod: place("istiod"), cni: place("cni"), gateway: place("gateway") } };
  }
  const missing: string[] = [];
  const place = (role: keyof typeof folders) => {
    const found = folders[role].map((folder) => join(source, folder)).find((folder) => existsSync(folder));
    if (found === undefined) missing.push(role);
    return { chart: found ?? "" };
  };
  const places = { base: place("base"), istiod: place("istiod"), cni: place("cni"), gateway: place("gateway") };
  if (missing.length > 0) {
    throw new Error(
      `quorum:mesh.charts is "${source}", but ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not in it; get each by \`helm pull NAME --repo https://istio-release.storage.googleapis.com/charts --version ${version} --untar\``,
    );
  }
  return { places };
}
