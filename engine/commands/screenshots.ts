import { statSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../local/packages.ts";
import { root } from "../../local/paths.ts";
import { pause, runProcess } from "../process.ts";
import { say } from "./common.ts";

/** What GitHub shows at once even on a slow line. */
const mostBytes = 150 * 1024;
/** Less than this is a page that had drawn nothing yet. */
const leastBytes = 10 * 1024;
const tries = 3;

/** Pages of stack dev, by the names of their pictures. A Prometheus that was built here has none. */
async function pages(): Promise<Record<string, string>> {
  const answer = await fetch("http://localhost:9376/").catch(() => undefined);
  const trace = answer?.headers.get("x-trace-id") ?? "";
  return {
    app: "http://localhost:9376/",
    alertmanager: "http://localhost:9093/#/alerts",
    trace: `http://localhost:9411/zipkin/traces/${trace}`,
  };
}

/** Spans are sent in batches: a trace can be seen some seconds after its request. */
const batchMilliseconds = 15_000;

/** `npm run screenshots`: the README's pictures, of the pages that stack dev serves now, by a Chromium of this machine. */
export async function screenshots(argv: string[]): Promise<number> {
  if (argv[0] !== undefined) throw new Error(`"${argv[0]}" means nothing to screenshots, which takes no arguments`);
  const browser = ["chromium", "chromium-browser", "google-chrome"]
    .map((name) => findProgram(name))
    .find((path) => path !== undefined);
  if (browser === undefined)
    throw new Error("no Chromium was found on the PATH; install it, on Debian by apt-get install chromium");
  const folder = join(root, "docs", "pictures");
  await mkdir(folder, { recursive: true });
  let failed = 0;
  const wanted = await pages();
  await pause(batchMilliseconds);
  for (const [name, url] of Object.entries(wanted)) {
    let problem = await take(browser, url, join(folder, `${name}.png`));
    for (let left = tries - 1; left > 0 && problem !== undefined; left--)
      problem = await take(browser, url, join(folder, `${name}.png`));
    say(problem === undefined ? `docs/pictures/${name}.png: ${url}` : `${name}: ${problem}`);
    if (problem !== undefined) failed++;
  }
  return failed === 0 ? 0 : 1;
}

/** @returns why there is no picture */
async function take(browser: string, url: string, file: string): Promise<string | undefined> {
  const answer = await fetch(url).catch(() => undefined);
  if (answer?.ok !== true)
    return `${url} does not answer${answer === undefined ? "" : ` (${answer.status})`}; run npm start first`;
  const profile = await mkdtemp(join(tmpdir(), "quorum-browser-"));
  const options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1100,640"];
  // Pages draw what they ask for: in time of their own, so that it is over as soon as all has come.
  const patience = ["--virtual-time-budget=15000", "--timeout=20000"];
  try {
    const args = [...options, ...patience, `--user-data-dir=${profile}`, `--screenshot=${file}`, url];
    const ended = await runProcess(browser, args);
    if (ended.code !== 0)
      return `the browser ended with ${ended.code}: ${ended.stderr.trim().split("\n").at(-1) ?? ""}`;
    const { size } = statSync(file);
    if (size < leastBytes) return `${url} had drawn nothing yet`;
    return size > mostBytes ? `${file} has ${size} bytes, but ${mostBytes} is the most` : undefined;
  } finally {
    await rm(profile, { recursive: true, force: true });
  }
}
