import { writeFileSync } from "node:fs";
import { madeHosts, hostState } from "../../local/hosts.ts";
import { ensureImages } from "../../local/images.ts";
import { ensurePackages } from "../../local/packages.ts";
import { ensurePart } from "../../local/toolchain.ts";
import { kubernetesVersions, schemaLocation } from "../conformance/schemas.ts";
import { quorum, startRecord, type StartRecord } from "./quorum.ts";
import { rclone } from "./restic-server.ts";

/** Set for the projects of a run that has brought stack dev up already. */
export const broughtUp = "QUORUM_TEST_BROUGHT_UP";

const say = (text: string) => process.stderr.write(text);

/** What the unit tests check our files with: promtool, kubeadm, istioctl and the like. A first build takes longer than a test may. */
export async function prepare(): Promise<void> {
  const cluster = ["registry", "kubernetes", "etcd", "prometheus", "alertmanager", "loki"] as const;
  const checks = ["kubeconform", "kube-score", "cyclonus", "istioctl", "helm", "actionlint", "gitleaks"] as const;
  await ensurePackages((line) => say(`${line}\n`));
  for (const part of [...cluster, ...checks]) await ensurePart(part, (line) => say(`${line}\n`));
  for (const version of kubernetesVersions) await schemaLocation(version);
}

/** Brings stack dev up with the README's own command, once for the whole run, and makes the images that stories need besides. */
export async function bringUp(): Promise<void> {
  const wasRunning = madeHosts().some((name) => hostState(name) === "running");
  const started = await quorum(["start"], {}, say);
  writeFileSync(startRecord, JSON.stringify({ started, wasRunning } satisfies StartRecord));
  if (started.code !== 0) throw new Error(`npm start ended with ${started.code}\n${started.stdout}\n${started.stderr}`);
  await ensureImages(["restic", "perl", "node", "haproxy", "keepalived"], (line) => say(`${line}\n`));
  await rclone();
}

/** Where vitest runs a project by itself, nobody has brought the stack up before it. */
export default async function setup(): Promise<void> {
  if (process.env[broughtUp] === "1") return;
  await prepare();
  await bringUp();
}
