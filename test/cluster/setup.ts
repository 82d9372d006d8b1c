import { writeFileSync } from "node:fs";
import { madeHosts, hostState } from "../../local/hosts.ts";
import { ensureImages } from "../../local/images.ts";
import { ensureCheckers, ensurePackages } from "../../local/packages.ts";
import { ensureParts } from "../../local/toolchain.ts";
import { kubernetesVersions, schemaLocation } from "../conformance/schemas.ts";
import { quorum, startRecord, type StartRecord } from "./quorum.ts";

/** Set for the projects of a run that brings stack dev up itself. */
export const wholeRun = "QUORUM_TEST_WHOLE_RUN";

const say = (text: string) => process.stderr.write(text);
const sayLine = (line: string) => say(`${line}\n`);

/** What clusters are made of; unit tests check our files with some of it: kubeadm, promtool and the like. A first build takes longer than a test may. */
export async function prepare(): Promise<void> {
  await ensurePackages(sayLine);
  await ensureCheckers(sayLine);
  const monitoring = ["prometheus", "loki", "alertmanager"] as const;
  const collectors = ["opentelemetry-collector-agent", "opentelemetry-collector-gateway"] as const;
  await ensureParts(["kubernetes", "registry", "etcd", ...monitoring, ...collectors], sayLine);
}

/** The other programs that our files are checked with. */
export async function prepareChecks(): Promise<void> {
  const checks = ["istioctl", "kubeconform", "kube-score", "cyclonus", "helm", "actionlint", "gitleaks"] as const;
  await ensureParts(checks, sayLine);
  for (const version of kubernetesVersions) await schemaLocation(version);
}

/** Brings stack dev up with the README's own command, once for the whole run, and makes the images that stories need besides. */
export async function bringUp(): Promise<void> {
  const wasRunning = madeHosts().some((name) => hostState(name) === "running");
  const started = await quorum(["start"], {}, say);
  writeFileSync(startRecord, JSON.stringify({ started, wasRunning } satisfies StartRecord));
  if (started.code !== 0) throw new Error(`npm start ended with ${started.code}\n${started.stdout}\n${started.stderr}`);
  await ensureImages(["restic", "perl", "node", "haproxy", "keepalived"], sayLine);
}

/** Where vitest runs a project by itself, nobody has brought the stack up before it. */
export default async function setup(): Promise<void> {
  if (process.env[wholeRun] === "1") return;
  await prepare();
  await prepareChecks();
  await bringUp();
}
