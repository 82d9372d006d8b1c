import { machineToken, runIdentity, runIsDead } from "../lock.ts";
import { type Kubectl, KubectlError } from "./kubectl.ts";
import { inventoryIdentity, systemNamespace, systemNamespaceObject } from "./inventory.ts";

const durationSeconds = 30;
const renewMilliseconds = 10_000;

/** Which boot of which machine the holder runs on. */
const machineAnnotation = "quorum.dev/machine";

interface LeaseObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export function leaseName(stack: string): string {
  return inventoryIdentity(stack).name.replace("quorum-inventory-", "quorum-");
}

/** Whether a Lease's holder has let it run out: it has not renewed it in time, or is a process of this machine that is gone. */
export function isFree({ metadata, spec }: Pick<LeaseObject, "metadata" | "spec">, now: number): boolean {
  if (spec.holderIdentity === undefined || spec.holderIdentity === "" || spec.renewTime === undefined) return true;
  const ends = Date.parse(spec.renewTime) + (spec.leaseDurationSeconds ?? durationSeconds) * 1000;
  return ends < now || runIsDead(spec.holderIdentity, metadata.annotations?.[machineAnnotation]);
}

/** Keeps two runs of one stack apart, wherever they run, by a Lease in the cluster. */
export class Lease {
  readonly #kubectl: Kubectl;
  readonly #stack: string;
  #object: LeaseObject;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> = Promise.resolve();
  #renewedAt = performance.now();
  #lost: Error | undefined;

  private constructor(kubectl: Kubectl, stack: string, object: LeaseObject) {
    this.#kubectl = kubectl;
    this.#stack = stack;
    this.#object = object;
    this.#timer = setInterval(() => {
      this.#renewing = this.#renew();
    }, renewMilliseconds);
    this.#timer.unref();
  }

  /** @throws naming the holder and since when, when another run has it */
  static async acquire(kubectl: Kubectl, stack: string): Promise<Lease> {
    for (let attempt = 0; attempt < 5; attempt++) {
      const answer = await write(kubectl, "create", leaseObject(stack, {}, 0));
      if (typeof answer !== "string") return new Lease(kubectl, stack, answer);
      if (/namespaces .* not found/.test(answer)) {
        await kubectl.apply([systemNamespaceObject], { dryRun: false });
        continue;
      }
      if (!/AlreadyExists|already exists/.test(answer)) throw new KubectlError([answer]);
      const text = await kubectl.call([
        "get",
        "lease",
        leaseName(stack),
        "-n",
        systemNamespace,
        "--ignore-not-found",
        "-o",
        "json",
      ]);
      if (text.trim() === "") continue;
      const present = JSON.parse(text) as LeaseObject;
      if (!isFree(present, Date.now())) {
        const { holderIdentity, acquireTime } = present.spec;
        throw new Error(
          `stack ${stack} is being changed by another run (${holderIdentity ?? "unknown"}, since ${acquireTime ?? "unknown"}); wait for its end, or end it: its Lease runs out ${durationSeconds} s later`,
        );
      }
      const taken = await write(
        kubectl,
        "replace",
        leaseObject(stack, present.metadata, (present.spec.leaseTransitions ?? 0) + 1),
      );
      if (typeof taken !== "string") return new Lease(kubectl, stack, taken);
    }
    throw new Error(`the Lease of stack ${stack} is taken again and again by other runs; wait for their end`);
  }

  /** @throws when the Lease is no longer ours */
  assertHeld(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** Gives the Lease back, unless another run has it by now. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    if (this.#lost !== undefined) return;
    const { uid, resourceVersion, name, namespace } = this.#object.metadata;
    const input = JSON.stringify({ apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid, resourceVersion } });
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
    // It runs out by itself, so a cluster that cannot be reached any more is no reason to fail.
    await this.#kubectl
      .call(["delete", "--raw", path, "-f", "-"], { input, evenIfInterrupted: true })
      .catch(() => undefined);
  }

  async #renew(): Promise<void> {
    const answer = await write(
      this.#kubectl,
      "replace",
      leaseObject(
        this.#stack,
        this.#object.metadata,
        this.#object.spec.leaseTransitions ?? 0,
        this.#object.spec.acquireTime,
      ),
    ).catch((error: unknown) => String(error));
    if (typeof answer !== "string") {
      this.#object = answer;
      this.#renewedAt = performance.now();
    } else if (
      /Conflict|NotFound|not found/.test(answer) ||
      performance.now() - this.#renewedAt > durationSeconds * 1000
    ) {
      this.#lost = new Error(
        `this run lost the Lease of stack ${this.#stack} (${answer}); see whether another run is at work, then run the command again`,
      );
      clearInterval(this.#timer);
    }
  }
}

function leaseObject(
  stack: string,
  metadata: Partial<LeaseObject["metadata"]>,
  leaseTransitions: number,
  acquireTime?: string,
): object {
  const machine = machineToken();
  // The API wants microseconds; a Date has milliseconds.
  const now = new Date().toISOString().replace("Z", "000Z");
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      ...metadata,
      name: leaseName(stack),
      namespace: systemNamespace,
      ...(machine === undefined ? {} : { annotations: { [machineAnnotation]: machine } }),
    },
    spec: {
      holderIdentity: runIdentity(),
      leaseDurationSeconds: durationSeconds,
      acquireTime: acquireTime ?? now,
      renewTime: now,
      leaseTransitions,
    },
  };
}

/** The Lease as written, or what the API server said against it. */
async function write(kubectl: Kubectl, verb: "create" | "replace", lease: object): Promise<LeaseObject | string> {
  try {
    return JSON.parse(
      await kubectl.call([verb, "-f", "-", "-o", "json"], { input: JSON.stringify(lease), evenIfInterrupted: true }),
    ) as LeaseObject;
  } catch (error) {
    if (error instanceof KubectlError) return error.message;
    throw error;
  }
}
