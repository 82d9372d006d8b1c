import { writeFileSync } from "node:fs";
import { madeHosts, hostState } from "../../local/hosts.ts";
import { ensureImages } from "../../local/images.ts";
import { ensurePart } from "../../local/toolchain.ts";
import { kubernetesVersions, schemaLocation } from "../conformance/schemas.ts";
import { quorum, startRecord, type StartRecord } from "./quorum.ts";
import { rclone } from "./restic-server.ts";

/** Set for the projects of a run that has brought stack dev up already. */
export const broughtUp = "QUORUM_TEST_BROUGHT_UP";

/** Brings stack dev up with the README's own command, once for the whole run. */
export async function bringUp(): Promise<void> {
  const wasRunning = madeHosts().some((name) => hostState(name) === "running");
  const started = await quorum(["start"], {}, (text) => process.stderr.write(text));
  writeFileSync(startRecord, JSON.stringify({ started, wasRunning } satisfies StartRecord));
  if (started.code !== 0) throw new Error(`npm start ended with ${started.code}\n${started.stdout}\n${started.stderr}`);
  await prepare((line) => process.stderr.write(`${line}\n`));
}

/** What the stories and the checks need besides, made before any of them runs: a first build takes longer than a test may. */
async function prepare(log: (line: string) => void): Promise<void> {
  for (const part of ["kubeconform", "kube-score", "cyclonus", "istioctl"] as const) await ensurePart(part, log);
  for (const version of kubernetesVersions) await schemaLocation(version);
  await ensureImages(["restic", "perl", "node", "haproxy", "keepalived"], log);
  await rclone();
}

/** Where vitest runs a project by itself, nobody has brought the stack up before it. */
export default async function setup(): Promise<void> {
  if (process.env[broughtUp] !== "1") await bringUp();
}
