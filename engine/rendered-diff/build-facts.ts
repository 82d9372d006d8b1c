import { join } from "node:path";
import type { Config } from "../../config/parse.ts";
import { contextHash } from "../direct/context-hash.ts";
import type { Fact } from "./topics.ts";

type Builds = Config["images"]["builds"];

/**
 * Images that `up` builds from other files than before: a render cannot show it, as their digests are known only then. A digest
 * that is given stands in the manifests.
 *
 * @param roots the two checkouts; undefined where only the manifests are known
 */
export function buildFacts(
  before: Builds,
  after: Builds,
  roots: { readonly base: string; readonly head: string | undefined },
): Fact[] {
  return Object.entries(after).flatMap(([name, build]): Fact[] => {
    const old = before[name];
    if (build.digest !== undefined) return [];
    if (old === undefined) return [{ what: name, text: `is new, and built by up from ${build.context}` }];
    if (old.digest !== undefined)
      return [{ what: name, text: `is built by up from ${build.context}; before, its digest was given` }];
    if (roots.head === undefined)
      return [{ what: name, text: `is built by up from ${build.context}; whether its files change is not known here` }];
    const [from, to] = [hash(roots.base, old), hash(roots.head, build)];
    if (from === to) return [];
    return [
      {
        what: name,
        from: from.slice(0, 10),
        to: to.slice(0, 10),
        text: `what it is built from in ${build.context} changes: up builds it, and all pods that use it are replaced one after the other`,
      },
    ];
  });
}

function hash(root: string, { context, dockerfile, args, platform }: Builds[string]): string {
  const folder = join(root, context);
  return contextHash({
    context: folder,
    dockerfile: dockerfile === undefined ? join(folder, "Dockerfile") : join(root, dockerfile),
    args,
    platform,
  });
}
