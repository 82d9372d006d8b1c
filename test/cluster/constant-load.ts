// Runs here and, as text, in a pod, which has nothing of this project.
import { readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface Load {
  sent: number;
  /** How often a call failed, by the reason. */
  failed: Record<string, number>;
}

/** Calls for as long as `going` says so: two workers that keep their connections, two that open one for each call. */
export async function load(url: string, going: () => boolean): Promise<Load> {
  const result: Load = { sent: 0, failed: {} };
  const call = (agent: Agent) =>
    new Promise<void>((done) => {
      result.sent++;
      const fail = (why: string) => {
        result.failed[why] = (result.failed[why] ?? 0) + 1;
        done();
      };
      const failBy = (error: NodeJS.ErrnoException) => fail(error.code ?? error.message);
      const request = get(url, { agent, timeout: 10_000 }, (answer) => {
        answer.resume();
        answer.on("end", () => (answer.statusCode === 200 ? done() : fail(`status ${answer.statusCode}`)));
        answer.on("error", failBy);
      });
      request.on("timeout", () => request.destroy(new Error("timeout")));
      request.on("error", failBy);
    });
  const workers = [true, true, false, false].map(async (keepAlive) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (going()) {
      await call(agent);
      await sleep(20);
    }
    agent.destroy();
  });
  await Promise.all(workers);
  return result;
}

/** The same as a program for a pod that has Node: it prints the load as JSON. `going` is an expression. */
export function loadProgram(url: string, going: string): string[] {
  const text = readFileSync(import.meta.filename, "utf8");
  const script = `${text}\nconsole.log(JSON.stringify(await load(${JSON.stringify(url)}, () => ${going})));`;
  return ["node", "--input-type=module-typescript", "--eval", script];
}
