import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gatewayOf } from "../../local/hosts.ts";
import { loadStack } from "../../engine/load-stack.ts";
import { eventually } from "./quorum.ts";

export interface ResticServer {
  /** As restic takes it, from a pod. */
  readonly repository: string;
  /** Where the server keeps what it gets. */
  readonly folder: string;
  stop(): void;
}

/** A server of restic's REST protocol outside the cluster, where its pods reach it: on the bridge's address. */
export async function startResticServer(port: number): Promise<ResticServer> {
  const folder = mkdtempSync(join(tmpdir(), "quorum-restic-"));
  const address = `${gateway()}:${port}`;
  const child = spawn("rclone", ["serve", "restic", "--addr", address, folder], { stdio: "ignore" });
  await eventually("the backup server's first answer", 20, async () =>
    (await fetch(`http://${address}/`)).status < 500 ? true : undefined,
  );
  return {
    repository: `rest:http://${address}/`,
    folder,
    stop: () => {
      child.kill("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function gateway(): string {
  const { controlPlane } = loadStack("dev");
  if (controlPlane.mode !== "kubeadm") throw new Error("stack dev has no hosts");
  return gatewayOf(Object.entries(controlPlane.hosts).map(([name, { address }]) => ({ name, address })));
}
