import { describeFailure, exitCodeOf } from "./errors.ts";
import { interrupt } from "./process.ts";

/** A command: what it is for, and how to load it only when it is asked for. */
interface Command {
  readonly summary: string;
  readonly load: () => Promise<(argv: string[]) => Promise<number>>;
}

const commands: Readonly<Record<string, Command>> = {
  start: {
    summary: "bring the local cluster and stack dev up, and wait until both are ready",
    load: async () => (await import("./commands/start.ts")).start,
  },
  up: { summary: "bring a stack up", load: async () => (await import("./commands/up.ts")).up },
  preview: {
    summary: "show what up would change, and change nothing",
    load: async () => (await import("./commands/preview.ts")).preview,
  },
  down: {
    summary: "take away all objects that a stack made",
    load: async () => (await import("./commands/down.ts")).down,
  },
  render: {
    summary: "write a stack as plain manifests",
    load: async () => (await import("./commands/render.ts")).render,
  },
  policy: {
    summary: "check a stack against what no stack may ship",
    load: async () => (await import("./commands/policy.ts")).policy,
  },
  diff: {
    summary: "show what a stack's objects change by since a Git revision, for a pull request",
    load: async () => (await import("./commands/diff.ts")).diff,
  },
  bundle: {
    summary: "write a stack, its images included, as one file for a site without a way out",
    load: async () => (await import("./commands/air-gap.ts")).bundle,
  },
  "supply-chain": {
    summary: "images of ours: attach an SBOM and a signature, verify both",
    load: async () => (await import("./commands/supply-chain.ts")).supplyChain,
  },
  plan: {
    summary: "show the plan of a stack's control plane",
    load: async () => (await import("./commands/plan.ts")).plan,
  },
  "control-plane": {
    summary: "operations on hosts that up does not do by itself",
    load: async () => (await import("./commands/control-plane.ts")).controlPlane,
  },
  job: {
    summary: "jobs: list, run one at once",
    load: async () => (await import("./commands/job.ts")).job,
  },
  backup: {
    summary: "backups of volumes: list, run, check, restore",
    load: async () => (await import("./commands/backup.ts")).backup,
  },
  secret: {
    summary: "secrets that are made in the cluster: list, rotate",
    load: async () => (await import("./commands/secret.ts")).secret,
  },
  ui: {
    summary: "the cluster's UI: token",
    load: async () => (await import("./commands/ui.ts")).ui,
  },
  local: {
    summary: "bare hosts on this machine: start, stop, status, reset",
    load: async () => (await import("../local/cli.ts")).main,
  },
  test: { summary: "the tests: all, unit or soak", load: async () => (await import("../test/run.ts")).main },
  bench: { summary: "the benchmarks", load: async () => (await import("../bench/run.ts")).main },
  check: {
    summary: "what a pull request is checked by: all steps, or those that are named",
    load: async () => (await import("./commands/steps.ts")).check,
  },
  docs: {
    summary: "make what is made of the schema and of docstrings",
    load: async () => (await import("./commands/docs.ts")).docs,
  },
  build: {
    summary: "compile components/ as a library, into dist/",
    load: async () => (await import("./commands/build.ts")).build,
  },
  screenshots: {
    summary: "take the README's pictures of stack dev",
    load: async () => (await import("./commands/screenshots.ts")).screenshots,
  },
  lint: { summary: "check format, rules and types", load: async () => (await import("./commands/check.ts")).lint },
  format: {
    summary: "put every file in the common format",
    load: async () => (await import("./commands/check.ts")).format,
  },
};

async function main([name, ...argv]: string[]): Promise<number> {
  const command = name === undefined ? undefined : commands[name];
  if (command === undefined) {
    const width = Math.max(...Object.keys(commands).map((each) => each.length));
    const lines = Object.entries(commands).map(([each, { summary }]) => `  ${each.padEnd(width)}  ${summary}`);
    throw new Error(
      `${name === undefined ? "no command is given" : `"${name}" is not a command`}; there are:\n${lines.join("\n")}`,
    );
  }
  return (await command.load())(argv);
}

/** A terminal sends Ctrl-C to the launcher and to us, and the launcher passes it on: within this time it is one and the same. */
const sameSignalMilliseconds = 1000;

function listenForSignals(): void {
  let first: number | undefined;
  const listener = () => {
    const now = performance.now();
    first ??= now;
    if (now - first > sameSignalMilliseconds) process.exit(130);
    interrupt();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, listener);
}

/** Node's own exit code for a program whose last await can never end. */
const neverEnds = 13;

listenForSignals();
process.once("exit", (code) => {
  if (code === neverEnds)
    process.stderr.write(
      "quorum: the stack's program waits for a value that never comes; look for a resource that waits for itself\n",
    );
});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`quorum: ${describeFailure(error, process.env["QUORUM_DEBUG"] === "1")}\n`);
  process.exitCode = exitCodeOf(error);
}
