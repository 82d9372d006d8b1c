import { kubeconfigFile } from "../direct/cluster-access.ts";
import { loadStack, workspace } from "../load-stack.ts";
import { type Options, readOptions } from "../options.ts";
import { recordPhases } from "../phases.ts";
import { pause } from "../process.ts";
import { writeUnavailable } from "../unavailable.ts";
import { outputLines, say } from "./common.ts";
import { bringObjectsUp, bringUp } from "./up.ts";

/** `npm start`: the local cluster with stack dev on it, or with --context the stack on an own cluster; ready when it ends. */
export async function start(argv: string[]): Promise<number> {
  recordPhases();
  const options = readOptions("start", argv, ["stack", "config-file", "context", "engine", "timeout"]);
  const config = loadStack(options.stack, options);
  const { controlPlane } = config;
  const local = controlPlane.mode === "kubeadm" && controlPlane.local;
  if (local) {
    const [{ ensureLocal }, { localNeeds }] = await Promise.all([
      import("../../local/cluster.ts"),
      import("../../local/needs.ts"),
    ]);
    const { unavailable } = await ensureLocal(localNeeds(config, options.stack), say);
    writeUnavailable(workspace, options.stack, unavailable);
  }
  const outputs = await (local ? bringObjectsUp : bringUp)(options, say);
  if (local) {
    const { startLoadBalancer } = await import("../../local/cluster.ts");
    const addresses = Object.values(controlPlane.hosts).map(({ address }) => address);
    await startLoadBalancer({ kubeconfig: kubeconfigFile(workspace, options.stack), addresses }, say);
    await waitForUrls(outputs["urls"], options);
  }
  for (const line of outputLines(outputs)) say(line);
  return 0;
}

/** A Service is ready before its port is forwarded, so the URLs are called until they answer. */
async function waitForUrls(urls: unknown, { timeoutSeconds }: Options): Promise<void> {
  const ends = performance.now() + timeoutSeconds * 1000;
  for (const [name, url] of Object.entries((urls ?? {}) as Record<string, string>)) {
    for (;;) {
      const problem = await callUrl(url);
      if (problem === undefined) break;
      if (performance.now() > ends) {
        throw new Error(
          `${name} does not answer at ${url} after ${timeoutSeconds} s (${problem}); npm run local -- status shows whether the load balancer runs`,
        );
      }
      await pause(250);
    }
  }
}

/** Any answer below 500 shows that the way there is open; what a page says is the app's own matter. */
async function callUrl(url: string): Promise<string | undefined> {
  try {
    const { status } = await fetch(url, { signal: AbortSignal.timeout(5000), redirect: "manual" });
    return status < 500 ? undefined : `status ${status}`;
  } catch (error) {
    const cause = (error as Error).cause as { code?: string } | undefined;
    return cause?.code ?? (error as Error).message;
  }
}
