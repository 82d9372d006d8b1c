import { join } from "node:path";
import { runProcess } from "../engine/process.ts";
import { stateDir } from "../local/paths.ts";

export const stack = "dev";
/** Of its monitoring. */
export const namespace = "monitoring";
const kubeconfig = join(stateDir, `${stack}.kubeconfig`);

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The cluster of stack dev, and the Prometheus servers in it, which are asked by way of the API server. */
export class Cluster {
  readonly #kubectl: string;

  constructor(kubectl: string) {
    this.#kubectl = kubectl;
  }

  async kubectl(args: readonly string[], input?: object): Promise<string> {
    const from = input === undefined ? {} : { input: JSON.stringify(input) };
    const ended = await runProcess(this.#kubectl, ["--kubeconfig", kubeconfig, ...args], from);
    if (ended.code !== 0)
      throw new Error(`kubectl ${args.join(" ")} ended with exit code ${ended.code}\n${ended.stderr}`);
    return ended.stdout;
  }

  async vector(query: string, pod = "prometheus-0"): Promise<Sample[]> {
    const base = `/api/v1/namespaces/${namespace}/pods/${pod}:9090/proxy/api/v1/query`;
    const answer = await this.kubectl(["get", "--raw", `${base}?${new URLSearchParams({ query }).toString()}`]);
    const { data } = JSON.parse(answer) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  async number(query: string, pod?: string): Promise<number> {
    return (await this.vector(query, pod))[0]?.value ?? NaN;
  }
}
