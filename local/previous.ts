import type { ImageCatalog } from "../components/plan/images/images.ts";
import { imageCatalog } from "../config/parse.ts";
import { ensureImages } from "./images.ts";
import { binaryPath, ensurePart, partVersion } from "./toolchain.ts";

/** The minor of Kubernetes before the one that local hosts have, with the etcd and CoreDNS that its kubeadm names. */
export const previousVersion = partVersion("kubernetes-previous").slice(1);

const kubernetes = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"];

/** Its images, by the names that those of the release after it have. */
function previousCatalog(): ImageCatalog {
  const catalog = imageCatalog();
  const tags: Readonly<Record<string, string>> = {
    ...Object.fromEntries(kubernetes.map((name) => [name, partVersion("kubernetes-previous")])),
    etcd: `${partVersion("etcd-previous").slice(1)}-0`,
    coredns: partVersion("coredns-previous"),
  };
  return Object.fromEntries(
    Object.entries(tags).map(([name, tag]) => [
      name,
      { image: catalog[name]?.image ?? "", tag, recipe: `${name}-previous` },
    ]),
  );
}

/** Makes the local registry and the cache have the release before: hosts on which an upgrade is proved begin with it. */
export async function ensurePrevious(log: (line: string) => void): Promise<void> {
  await ensurePart("kubernetes-previous", log);
  const catalog = previousCatalog();
  await ensureImages(Object.keys(catalog), log, catalog);
}

/** Programs of a release for a host: their names, and where they lie on this machine. */
export const releasePrograms = (part: "kubernetes" | "kubernetes-previous"): [string, string][] =>
  ["kubeadm", "kubelet", "kubectl"].map((name) => [name, binaryPath(part, name)]);
