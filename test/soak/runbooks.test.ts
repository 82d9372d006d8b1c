import { dirname, delimiter } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runProcess } from "../../engine/process.ts";
import { binaryPath } from "../../local/toolchain.ts";
import { faults, type Fault } from "../runbooks/faults.ts";
import { bounds, namespace, namespaces } from "../runbooks/objects.ts";
import { readPage, rowFor } from "../runbooks/pages.ts";
import { eventually, kubeconfig, kubectl, tryKubectl, type Ended } from "../cluster/quorum.ts";

const path = [dirname(binaryPath("kubernetes", "kubectl")), process.env["PATH"]].join(delimiter);
const firstPod = "$(kubectl get pods -n $NAMESPACE -l app=$APP -o jsonpath='{.items[0].metadata.name}')";

/** The page's variables for a fault. Their values are shell, so that they are looked up when they are used. */
function variablesOf(fault: Fault, fixed: boolean): Record<string, string> {
  const usual = { NAMESPACE: namespaces.apps, APP: fault.app, POD: firstPod };
  return { ...usual, ...fault.variables, ...(fixed && fault.after) };
}

/** Runs a block of a page as a reader would, in a shell where its variables are set. */
async function run(block: string, fault: Fault, fixed = false): Promise<Ended & { said: string }> {
  const used = Object.entries(variablesOf(fault, fixed))
    // NAMESPACE and APP come first: others are looked up with them.
    .filter(([name]) => ["NAMESPACE", "APP"].includes(name) || block.includes(`$${name}`))
    .map(([name, value]) => `${name}="${value}"`);
  const began = performance.now();
  const env = { PATH: path, KUBECONFIG: kubeconfig };
  const ended = await runProcess("sh", ["-c", [...used, block].join("\n")], { env });
  return { ...ended, seconds: (performance.now() - began) / 1000, said: ended.stdout + ended.stderr };
}

async function succeeds(block: string, fault: Fault, fixed = false): Promise<void> {
  const { code, said } = await run(block, fault, fixed);
  expect(code, `${block}\n${said}`).toBe(0);
}

/** Follows the page: each check's answer is in the row that is meant; then the fix, and the fault is over. */
async function live(fault: Fault): Promise<void> {
  const page = readPage(fault.page);
  if (fault.prepare !== undefined) await succeeds(fault.prepare, fault);
  let target: string | undefined;
  for (const [place, expected] of Object.entries(fault.finds)) {
    const check = page.checks[Number(place) - 1];
    if (check === undefined) throw new Error(`${fault.page} has no check ${place}`);
    const row = await eventually(`${fault.page}, check ${place}: ${expected}`, 60, async () => {
      const { said } = await run(check.command, fault);
      const found = rowFor(check, said, variablesOf(fault, false));
      if (found?.name !== expected) throw new Error(`the answer is in row "${found?.name}":\n${said}`);
      return found;
    });
    target = row.target;
  }
  const [file = "", anchor = ""] = target?.split("#") ?? [];
  const fix = file === page.file ? page.fixes.get(anchor) : undefined;
  if (fix === undefined || page.over === undefined) return;
  await succeeds(fix, fault);
  const { over } = page;
  await eventually(`${fault.page}, ${anchor}: its end`, 60, async () => {
    const { code, said } = await run(over, fault, true);
    if (code !== 0) throw new Error(said);
    return true;
  });
  if (fault.clean !== undefined) await succeeds(fault.clean, fault);
}

/** Takes all of it away, whatever holds it. */
async function clear(): Promise<void> {
  const names = Object.values(namespaces);
  for (const [kind, place] of [
    ["pods", namespaces.apps],
    ["configmaps", namespaces.held],
    ["configmaps", namespaces.forced],
  ] as const) {
    const { stdout } = await tryKubectl(["get", kind, "--namespace", place, "--output", "name"]);
    for (const object of stdout.split("\n").filter((line) => /held|owner|slow|lost/.test(line))) {
      const free = ["--type=merge", "--patch", '{"metadata":{"finalizers":null}}'];
      await tryKubectl(["patch", object, "--namespace", place, ...free]);
      if (kind === "pods") await tryKubectl(["delete", object, "--namespace", place, "--force", "--grace-period=0"]);
    }
  }
  await kubectl(["delete", "namespace", ...names, "--ignore-not-found", "--timeout=120s"]);
}

const apply = (items: readonly object[]) =>
  kubectl(["apply", "--server-side", "--filename", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));

beforeAll(async () => {
  await clear();
  await apply(Object.values(namespaces).map(namespace));
  await apply(bounds);
  await apply(faults.flatMap(({ objects }) => objects ?? []));
});
afterAll(clear);

describe.concurrent("each runbook finds its fault and cures it", () => {
  test.each(faults.map((fault) => [`${fault.page}: ${fault.app}`, fault] as const))("%s", (_, fault) => live(fault));
});
