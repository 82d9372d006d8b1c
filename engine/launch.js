// Runs on the machine's own Node (20 or newer): installs the dependencies, then goes on under the Node that package.json pins.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const windows = process.platform === "win32";

function fail(message) {
  console.error(`quorum: ${message}`);
  process.exit(1);
}

const major = Number(process.versions.node.split(".")[0]);
if (major < 20) fail(`node is ${process.versions.node}, but 20 or newer is needed; install it from nodejs.org`);

/** Installs `folder`'s dependencies from its lock file, once for each content of that file. */
function install(folder) {
  const lock = createHash("sha256")
    .update(readFileSync(join(folder, "package-lock.json")))
    .digest("hex");
  const stamp = join(folder, "node_modules", ".quorum-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  console.error(`installing the dependencies of ${folder === root ? "quorum" : "the sample app"} (npm ci)`);
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: ["ignore", 2, 2],
    shell: windows,
  });
  if (npm.error) fail(`npm could not be started: ${npm.error.message}; install npm beside node`);
  if (npm.status !== 0)
    fail(`npm ci ended with exit code ${npm.status}; its words are above; run the command again once they are mended`);
  writeFileSync(stamp, lock);
}

install(root);
if (["test", "lint", "check"].includes(process.argv[2])) install(join(root, "app"));

const node = join(root, "node_modules", "node", "bin", windows ? "node.exe" : "node");
if (!existsSync(node))
  fail(
    "node_modules/node/bin has no node, because npm was told to run no install scripts; allow them for the package `node` and run `npm ci`",
  );
// What Node makes of the sources is kept beside the dependencies, and goes with them: a third of each command's own time.
const compiled = process.env.NODE_COMPILE_CACHE ?? join(root, "node_modules", ".cache", "compiled");
const path = `${dirname(node)}${windows ? ";" : ":"}${process.env.PATH ?? ""}`;
const child = spawn(node, [join(root, "engine", "cli.ts"), ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, PATH: path, NODE_COMPILE_CACHE: compiled },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? 128 + (signal === "SIGINT" ? 2 : 15)));
