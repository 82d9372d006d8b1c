import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { type HostScript, hostScripts, kubeconfigStep } from "./host-scripts.ts";
import { adminKubeconfig, type StepContext } from "./host-steps.ts";
import { isRead, runnerScript } from "./bundle-runner.ts";

/** One file of a bundle, by its path in it. */
export interface BundleFile {
  readonly path: string;
  readonly text: string;
}

/** By this file a folder is known for a bundle, and of which cluster. */
export const bundleMarker = "bundle.json";

/** What the hosts add to the folder as the bundle is carried out; a new bundle keeps it. */
export const bundleMemory = ["exchange", "progress"];

interface NumberedScript extends HostScript {
  /** Such as `03-cp-a-init`: its place, and its name. */
  readonly id: string;
}

/**
 * The steps of a plan as files, for hosts that nobody reaches by SSH: somebody carries the folder from host to host, and a runner
 * in it does what is next there. The same scripts as `up` runs, in the same order. Nothing in it is secret.
 */
export function bundleFiles(context: StepContext): BundleFile[] {
  const { plan } = context;
  const scripts = numbered(context);
  const files = [
    { path: "README.md", text: readme(plan, scripts) },
    { path: "run.sh", text: runnerScript(scripts) },
    ...scripts.map(({ id, script }) => ({ path: `scripts/${id}.sh`, text: script })),
    ...hostFiles(plan, scripts),
  ];
  const marker = { format: 1, cluster: plan.clusterName, files: files.map(({ path }) => path).sort() };
  return [...files, { path: bundleMarker, text: `${JSON.stringify(marker, undefined, 2)}\n` }];
}

/** The administrator's kubeconfig is a secret, and stays on the host that it is made on. */
function numbered(context: StepContext): NumberedScript[] {
  const scripts = hostScripts(context).filter(({ name }) => name !== kubeconfigStep);
  const width = String(scripts.length).length;
  return scripts.map((script, index) => ({
    ...script,
    id: `${String(index + 1).padStart(width, "0")}-${script.name}`,
  }));
}

/** A line by which a script writes a whole file, and the file up to its end: what putFile makes. */
const written = /^ *put (\S+) (\d+) <<'(QUORUM_FILE_*)'\n([\s\S]*?)^\3$/gm;

/** Every file that the scripts write as it is, for people to look at before they let the scripts write it. */
function hostFiles(plan: ControlPlanePlan, scripts: readonly NumberedScript[]): BundleFile[] {
  return everyHost(plan).flatMap((host) => {
    const files = new Map<string, string>();
    for (const { script } of scripts.filter((one) => one.host.name === host.name)) {
      for (const [, path = "", , , text = ""] of script.matchAll(written)) files.set(path, text);
    }
    return [...files]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, text]) => ({ path: `hosts/${host.name}${path}`, text }));
  });
}

function everyHost({ etcdHosts, hosts }: ControlPlanePlan): PlannedHost[] {
  return [...hosts, ...etcdHosts];
}

function readme(plan: ControlPlanePlan, scripts: readonly NumberedScript[]): string {
  const rows = scripts.map(({ id, name, host, input }, index) => {
    const gives = isRead(scripts, name);
    return `| ${index + 1} | ${host.name} | \`scripts/${id}.sh\` | ${input === undefined ? "" : `\`exchange/${input}\``} | ${gives ? `\`exchange/${name}\`` : ""} |`;
  });
  const walk = scripts.map(({ host }) => host.name).filter((name, index, all) => name !== all[index - 1]);
  return `# Control plane of ${plan.clusterName}, carried from host to host

Kubernetes ${plan.kubernetesVersion}, API at ${plan.endpoint}. Hosts: ${everyHost(plan)
    .map(({ name, address }) => `${name} (${address})`)
    .join(", ")}.

## What to do

1. Prepare each host: kubeadm, kubelet and kubectl ${plan.kubernetesVersion}, containerd, openssl, iptables, and the images or a
   mirror that has them. The first step of each host says what is missing.
2. Copy this folder to something that can be carried, such as a USB stick that can be written to.
3. On each host in the order below, as root: \`bash run.sh\`. It finds out which host it is on, carries out what is next there, and
   says which host comes next. Every step can be run again; one that fails says why, and the next run goes on from it.

Order: ${walk.join(" → ")}.

\`bash run.sh --status\` tells what is done. After a change of the stack make the bundle anew into the same folder: the
steps that changed are carried out again, and only those.

When all is done the administrator's kubeconfig is \`${adminKubeconfig}\` on ${plan.first.name}. Its holder may do everything:
take it by a way that you trust, not by this folder.

## What travels

Nothing in this folder is secret, before or after. A host that is to join writes its certificate into \`exchange/\`. The first
host seals a ticket to that certificate, with what the other needs to join: authorities, keys. Only the host that made the
certificate can open the ticket: its private key never leaves it. Whoever can *change* this folder on its way can
change what is run as root, so carry it as you would carry a key.

## Steps

| step | host | script | reads | writes |
| ---: | ---- | ------ | ----- | ------ |
${rows.join("\n")}

\`hosts/\` holds the files that the scripts write, for reading; the scripts carry them themselves. What only a host knows
(keys, sizes that it measures, certificates) is made there.
`;
}
