import { ExitError } from "../errors.ts";

const instead: Readonly<Record<string, string>> = {
  replace:
    "join a new host under another name with up, then remove the old one by hand (kubectl drain, kubeadm reset, etcdctl member remove)",
  recover: "restore the last etcd snapshot by hand (etcdutl snapshot restore) on one host, then run up",
  upgrade: "run kubeadm upgrade plan and kubeadm upgrade apply on the hosts by hand, one at a time",
  renew: "run kubeadm certs renew all on each control-plane host by hand",
};

/** Operations on hosts that no `up` should do by itself. */
export async function controlPlane([operation]: string[]): Promise<number> {
  const names = Object.keys(instead).join(", ");
  if (operation === undefined) throw new ExitError(`control-plane needs an operation: ${names}`, 2);
  const way = instead[operation];
  if (way === undefined)
    throw new ExitError(`"${operation}" is not an operation of control-plane; there are ${names}`, 2);
  return Promise.reject(new ExitError(`control-plane ${operation} is not there yet; until then, ${way}`, 2));
}
