import { prepareChecks, wholeRun } from "./cluster/setup.ts";

/** Builds the programs that our files are checked with, beside the clusters of a whole run; unit tests alone leave out what needs one that is not there. */
export default async function setup(): Promise<void> {
  if (process.env[wholeRun] === "1") await prepareChecks();
}
