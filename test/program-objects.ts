import type { KubeObject } from "../engine/direct/objects.ts";
import { collectObjects } from "../engine/direct/objects.ts";
import { vi } from "vitest";
import { record, type Recording } from "./recorder.ts";
import type { Sections } from "./stacks.ts";

let runs = 0;
const meshKinds = [
  ...["DestinationRule", "ServiceEntry", "Sidecar", "VirtualService"],
  ...["AuthorizationPolicy", "PeerAuthentication", "HTTPRoute"],
];
const forNamespacesWith = (key: string) => ({ namespaceSelector: { matchExpressions: [{ key, operator: "Exists" }] } });
// There is no cluster here to ask how a canary does: as in a first `up`, there are no routes yet.
vi.doMock("../stack/cluster-reads.ts", () => ({
  withCluster: (_cluster: unknown, use: (kubectl: undefined) => unknown) => use(undefined),
  readObject: () => Promise.resolve(undefined),
  // Whatever mesh a stack uses is there, whichever its revision.
  readKinds: () => Promise.resolve([...meshKinds]),
  readAll: () => Promise.resolve([{ webhooks: ["istio-injection", "istio.io/rev"].map(forNamespacesWith) }]),
}));

/** The program with these sections, as in `up`. Only index.ts is loaded anew each time, which makes thousands of runs possible. */
export async function runProgram(sections: Sections, stack = "dev"): Promise<Recording> {
  const program = `../index.ts?run=${++runs}`;
  return record(() => import(/* @vite-ignore */ program), { stack, preview: false, config: sections });
}

/** The objects that it makes, as kubectl would get them. */
export function objectsOf({ resources }: Recording, stack = "dev"): KubeObject[] {
  return collectObjects(resources, stack).map(({ object }) => object);
}
