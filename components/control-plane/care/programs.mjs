// What the care of etcd has in common: etcd's own programs, figures for Prometheus, and how a run ends.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const say = (line) => console.log(line);

/**
 * Runs a program to its end.
 *
 * @returns its standard output
 * @throws with the last of what it said, when it fails or takes too long
 */
export async function run(program, args, { env = {}, seconds = 600, stdin } = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  let out = "";
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (said = (said + text).slice(-4000)));
  child.stdin.on("error", () => {}).end(stdin ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (...end) => resolve(end));
  }).finally(() => clearTimeout(timer));
  if (code === 0) return out;
  const why = signal === "SIGKILL" ? `did not end within ${seconds} s` : `ended with ${code ?? signal}`;
  throw new Error(`${program.split("/").at(-1)} ${args[0] ?? ""} ${args[1] ?? ""} ${why}: ${lastLines(said || out)}`);
}

/** Words for people; of a program's log in JSON only when there are no others. */
function lastLines(text) {
  const lines = text.trim().split("\n");
  const words = lines.filter((line) => !line.startsWith("{"));
  return (words.length > 0 ? words : lines).slice(-3).join(" | ").slice(-800);
}

const names = ["etcd", "etcdctl", "etcdutl"];

/**
 * etcd's programs, out of the container beside this one that has their image: that image has no shell and no cp to hand them over
 * with, but processes of one pod that share their numbers see each other's files.
 *
 * @param folder where to, on a file system that programs may be run from. @default bin in the folder for temporary files (TMPDIR)
 * @returns the path of each
 */
export async function lentPrograms(folder = join(tmpdir(), "bin"), { seconds = 60, processes = "/proc" } = {}) {
  const paths = Object.fromEntries(names.map((name) => [name, join(folder, name)]));
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const from = readdirSync(processes)
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => join(processes, pid, "root/usr/local/bin"))
      .find((bin) => names.every((name) => existsSync(join(bin, name))));
    if (from !== undefined) {
      mkdirSync(folder, { recursive: true });
      for (const name of names) {
        copyFileSync(join(from, name), paths[name]);
        chmodSync(paths[name], 0o755);
      }
      return paths;
    }
    if (Date.now() > until)
      throw new Error("no container beside this one has etcd's programs; see the one called tools");
    await sleep(200);
  }
}

export async function fileSum(path) {
  const sum = createHash("sha256");
  for await (const part of createReadStream(path, { highWaterMark: 1024 * 1024 })) sum.update(part);
  return sum.digest("hex");
}

/** A file that is there whole, or as it was before. */
export function putFile(path, text, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.part`, text, { mode });
  chmodSync(`${path}.part`, mode);
  renameSync(`${path}.part`, path);
}

/**
 * Figures as node-exporter reads them from a folder of the host.
 *
 * @param families by name: {help, samples: [[labels, value]]}; a sample without a value is left out
 */
export function figuresText(families) {
  return Object.entries(families)
    .filter(([, { samples }]) => samples.some(([, value]) => value !== undefined))
    .map(([name, { help, samples }]) =>
      [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} gauge`,
        ...samples
          .filter(([, value]) => value !== undefined)
          .map(([labels, value]) => `${name}${labelText(labels)} ${value}`),
      ].join("\n"),
    )
    .map((text) => `${text}\n`)
    .join("");
}

function labelText(labels) {
  const parts = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(String(value))}`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

/** What the run before this one wrote of itself, where it wrote anything. */
export function noted(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return {};
  }
}

export const seconds = (date = new Date()) => Math.round(date.getTime() / 1000);

/** Tells how a run ended, in its log's last line. */
export async function main(task, work) {
  try {
    await work();
  } catch (error) {
    console.error(`${task}: ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof Error && error.cause instanceof Error)
      console.error(`${task}: because ${error.cause.message}`);
    process.exitCode = 1;
  }
}
