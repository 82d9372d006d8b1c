import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDir, ensureDir, stateDir } from "./paths.ts";
import { startService } from "./service.ts";
import { binaryPath } from "./toolchain.ts";

export const registryPort = 5000;

/** One registry process for each address; both serve the same folder. */
async function serve(name: string, address: string): Promise<void> {
  const config = join(ensureDir(join(stateDir, "registry")), `${name}.json`);
  // distribution reads YAML, of which JSON is a part. No cache in memory: each process must see what the other wrote.
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: "warn" },
      storage: { filesystem: { rootdirectory: ensureDir(join(cacheDir, "registry")) }, delete: { enabled: true } },
      http: { addr: `${address}:${registryPort}` },
    }),
  );
  await startService({
    name,
    command: binaryPath("registry", "registry"),
    args: ["serve", config],
    env: { OTEL_TRACES_EXPORTER: "none" },
    ready: async () => (await fetch(`http://${address}:${registryPort}/v2/`).catch(() => undefined))?.ok === true,
  });
}

/** The local registry on loopback, for this machine's Docker and for people. */
export const startRegistry = () => serve("registry", "127.0.0.1");

/** The same on the bridge's address, where the hosts' containerd asks for `localhost:5000`. */
export const startRegistryForHosts = (address: string) => serve("registry-hosts", address);
