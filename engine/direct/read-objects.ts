import type { Kubectl } from "./kubectl.ts";
import type { KubeObject } from "./objects.ts";

type Caller = Pick<Kubectl, "call">;

/** One object, or undefined where there is none. */
export async function getOne(
  kubectl: Caller,
  kind: string,
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> {
  const text = await kubectl.call(["get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json"]);
  return text.trim() === "" ? undefined : (JSON.parse(text) as KubeObject);
}

/** Every object of a kind, or of several parted by commas, in a namespace. */
export async function getMany(
  kubectl: Caller,
  kind: string,
  namespace: string,
  selector?: string,
): Promise<KubeObject[]> {
  const chosen = selector === undefined ? [] : ["-l", selector];
  const text = await kubectl.call(["get", kind, "-n", namespace, ...chosen, "-o", "json"]);
  return (JSON.parse(text) as { items: KubeObject[] }).items;
}
