import { type Problem, refuse } from "../components/plan/problems.ts";
import { HostUnreachable, Ssh } from "./direct/ssh.ts";
import { addressOf, type OperationSettings } from "./run-operation.ts";

const marker = "quorum-reached";

/**
 * Enters every host of a control plane, side by side, before anything is done on any of them: a cluster that has begun, and waits
 * for a host that was misspelt, helps nobody.
 *
 * @throws InputError naming each host that cannot be entered, by its key, with the reason and the way out
 */
export async function refuseUnreachableHosts({
  workspace,
  controlPlane,
}: Pick<OperationSettings, "workspace" | "controlPlane">): Promise<void> {
  const ssh = new Ssh(workspace);
  try {
    const found = await Promise.all(
      Object.keys(controlPlane.hosts).map(async (name): Promise<Problem[]> => {
        const address = addressOf(controlPlane, name);
        try {
          await ssh.run(address, `echo ${marker}\n`, marker);
          return [];
        } catch (error) {
          if (!(error instanceof HostUnreachable)) throw error;
          const reason = error.message.replace(/^host \S+, port (\d+),/, "port $1 of it");
          return [{ key: `quorum:controlPlane.hosts.${name}.address`, text: `is ${address.host}, but ${reason}` }];
        }
      }),
    );
    refuse("the control plane", found.flat());
  } finally {
    ssh.close();
  }
}
