import { type JobRun, listJobs, runJob } from "../job-runs.ts";
import { readOptions } from "../options.ts";
import { openStackCluster } from "../stack-cluster.ts";
import { say } from "./common.ts";

const usage = "job list, or job run NAME";

/** `npm run job -- list | run NAME`: the jobs of a stack. */
export async function job([verb, ...rest]: string[]): Promise<number> {
  if (verb !== "list" && verb !== "run")
    throw new Error(`${verb === undefined ? "nothing is asked for" : `"${verb}" is nothing that job does`}; ${usage}`);
  const [name] = rest;
  const target = verb === "run" && name !== undefined && !name.startsWith("-") ? name : undefined;
  if (verb === "run" && target === undefined) throw new Error(`job run needs a NAME; ${usage}`);
  const argv = target === undefined ? rest : rest.slice(1);
  const options = readOptions("job", argv, ["stack", "config-file", "context", "timeout"]);
  const { config, kubectl } = await openStackCluster(options);
  const run: JobRun = {
    kubectl,
    jobs: config.jobs,
    namespace: config.namespaces.apps,
    timeoutSeconds: options.timeoutSeconds,
    log: say,
    now: () => new Date(),
  };
  if (target !== undefined) return runJob(run, target);
  await listJobs(run);
  return 0;
}
