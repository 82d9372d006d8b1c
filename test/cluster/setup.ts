import { existsSync, writeFileSync } from "node:fs";
import type { TestProject } from "vitest/node";
import { madeHosts, hostState } from "../../local/hosts.ts";
import { ensurePart } from "../../local/toolchain.ts";
import { quorum, startRecord, type StartRecord } from "./quorum.ts";

/** Brings stack dev up with the README's own command, once for the whole run. */
export default async function setup({ name }: TestProject): Promise<void> {
  const wasRunning = madeHosts().some((name) => hostState(name) === "running");
  const started = await quorum(["start"], {}, (text) => process.stderr.write(text));
  // The later projects of a run find the cluster up: the first one's start is the one to look at.
  if (name === "cluster" || !existsSync(startRecord))
    writeFileSync(startRecord, JSON.stringify({ started, wasRunning } satisfies StartRecord));
  if (started.code !== 0) throw new Error(`npm start ended with ${started.code}\n${started.stdout}\n${started.stderr}`);
  // No story needs it: it is what the unit tests, which come last, check the policies with.
  if (name === "cluster") await ensurePart("cyclonus", (line) => process.stderr.write(`${line}\n`));
}
