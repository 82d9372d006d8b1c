import { existsSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "./packages.ts";
import { tryRun } from "./run.ts";
import { goProgram, partFolder } from "./toolchain.ts";

let found: Promise<string> | undefined;

/**
 * Folder with Istio's own charts, as the module of its programs has them: fetched once through Go's module proxy or its mirror,
 * and checked against `local/toolchain/istio/go.sum`.
 *
 * @throws where there is neither the module nor a Go that could fetch it
 */
export function istioCharts(): Promise<string> {
  return (found ??= fetchCharts());
}

async function fetchCharts(): Promise<string> {
  const advice =
    "set quorum:mesh.charts to a folder with the charts base, istiod, cni and gateway, or to the URL of their repository";
  if (findProgram("go") === undefined)
    throw new Error(
      `Istio's charts come with its Go module, and this machine has no Go 1.26; install it, or ${advice}`,
    );
  const answer = await tryRun(goProgram(), ["mod", "download", "-json", "istio.io/istio"], {
    cwd: partFolder("istiod"),
  });
  const { Dir: folder, Error: reason } = (answer.stdout === "" ? {} : JSON.parse(answer.stdout)) as {
    readonly Dir?: string;
    readonly Error?: string;
  };
  const charts = folder === undefined ? undefined : join(folder, "manifests", "charts");
  if (answer.code === 0 && charts !== undefined && existsSync(charts)) return charts;
  throw new Error(`Istio's charts cannot be fetched with its Go module: ${reason ?? answer.stderr.trim()}; ${advice}`);
}
