import { writeFileSync } from "node:fs";
import { madeHosts, hostState } from "../../local/hosts.ts";
import { ensurePart } from "../../local/toolchain.ts";
import { quorum, startRecord, type StartRecord } from "./quorum.ts";

/** Set for the projects of a run that has brought stack dev up already. */
export const broughtUp = "QUORUM_TEST_BROUGHT_UP";

/** Brings stack dev up with the README's own command, once for the whole run. */
export async function bringUp(): Promise<void> {
  const wasRunning = madeHosts().some((name) => hostState(name) === "running");
  const started = await quorum(["start"], {}, (text) => process.stderr.write(text));
  writeFileSync(startRecord, JSON.stringify({ started, wasRunning } satisfies StartRecord));
  if (started.code !== 0) throw new Error(`npm start ended with ${started.code}\n${started.stdout}\n${started.stderr}`);
  // No story needs it: it is what the unit tests, which come last, check the policies with.
  await ensurePart("cyclonus", (line) => process.stderr.write(`${line}\n`));
}

/** Where vitest runs a project by itself, nobody has brought the stack up before it. */
export default async function setup(): Promise<void> {
  if (process.env[broughtUp] !== "1") await bringUp();
}
