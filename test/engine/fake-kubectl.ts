import type { ApplyOptions, Kubectl } from "../../engine/direct/kubectl.ts";
import { identityOf, keyOf, type KubeObject, type ObjectIdentity } from "../../engine/direct/objects.ts";

export interface Write {
  readonly verb: "apply" | "replace" | "call";
  readonly options: Partial<ApplyOptions>;
  readonly objects: readonly KubeObject[];
  readonly args?: readonly string[];
}

/** A cluster that has certain objects, notes what is written, and lets a test answer to it. */
export class FakeCluster {
  readonly objects = new Map<string, KubeObject>();
  readonly writes: Write[] = [];
  /** Does what the API server and its controllers do after a write. */
  onWrite: (write: Write) => void = () => undefined;

  constructor(objects: readonly KubeObject[]) {
    this.put(...objects);
  }

  put(...objects: readonly KubeObject[]): void {
    for (const object of objects) this.objects.set(keyOf(identityOf(object)), object);
  }

  #write(write: Write): void {
    this.writes.push(write);
    this.onWrite(write);
  }

  /** The client that the engine gets. */
  get kubectl(): Kubectl {
    return {
      get: (asked: readonly ObjectIdentity[]) =>
        Promise.resolve(asked.flatMap((identity) => this.objects.get(keyOf(identity)) ?? [])),
      apply: async (objects: readonly KubeObject[], options: ApplyOptions) => {
        await Promise.resolve();
        if (options.dryRun) return objects;
        this.#write({ verb: "apply", options, objects });
        return [];
      },
      replace: async (objects: readonly KubeObject[], options: ApplyOptions) => {
        await Promise.resolve();
        this.#write({ verb: "replace", options, objects });
        return objects;
      },
      call: async (args: readonly string[]) => {
        await Promise.resolve();
        if (args[0] !== "get") this.#write({ verb: "call", options: {}, objects: [], args });
        const kind = (args[1] ?? "").replace(/s$/, "");
        const items = [...this.objects.values()].filter((object) => object.kind.toLowerCase() === kind);
        return JSON.stringify({ items });
      },
    } as unknown as Kubectl;
  }
}
