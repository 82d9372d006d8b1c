import type { KubeObject } from "../engine/direct/objects.ts";
import { collectObjects } from "../engine/direct/objects.ts";
import { vi } from "vitest";
import { record, type Recording, type RecordOptions } from "./recorder.ts";
import type { Sections } from "./stacks.ts";

let runs = 0;
const meshKinds = [
  ...["DestinationRule", "ServiceEntry", "Sidecar", "VirtualService"],
  ...["AuthorizationPolicy", "PeerAuthentication", "HTTPRoute"],
];
const forNamespacesWith = (key: string) => ({ namespaceSelector: { matchExpressions: [{ key, operator: "Exists" }] } });
// What an earlier file of tests has loaded would ask a cluster.
vi.resetModules();
// There is no cluster here to ask how a canary does: as in a first `up`, there are no routes yet.
vi.doMock("../stack/cluster-reads.ts", () => ({
  withCluster: (_cluster: unknown, use: (kubectl: undefined) => unknown) => use(undefined),
  readObject: () => Promise.resolve(undefined),
  // Whatever mesh a stack uses is there, whichever its revision.
  readKinds: () => Promise.resolve([...meshKinds]),
  readAll: () => Promise.resolve([{ webhooks: ["istio-injection", "istio.io/rev"].map(forNamespacesWith) }]),
}));

/** The program with these sections, of stack dev where nothing is said. Only index.ts is loaded anew each time, which makes thousands of runs possible. */
export async function runProgram(sections: Sections, options: Omit<RecordOptions, "config"> = {}): Promise<Recording> {
  const program = `../index.ts?run=${++runs}`;
  return record(() => import(/* @vite-ignore */ program), { stack: "dev", ...options, config: sections });
}

/** The objects that it makes, as kubectl would get them. */
export function objectsOf({ resources }: Recording, stack = "dev"): KubeObject[] {
  return collectObjects(resources, stack).map(({ object }) => object);
}
