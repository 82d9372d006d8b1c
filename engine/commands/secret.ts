import { listSecrets, rotateSecret, type SecretRun } from "../generated-secrets.ts";
import { readOptions } from "../options.ts";
import { openStackCluster } from "../stack-cluster.ts";
import { say } from "./common.ts";

const usage = "secret list, or secret rotate NAME";

/** `npm run secret -- list | rotate NAME`: the secrets that are made in the cluster. */
export async function secret([verb, ...rest]: string[]): Promise<number> {
  if (verb !== "list" && verb !== "rotate")
    throw new Error(
      `${verb === undefined ? "nothing is asked for" : `"${verb}" is nothing that secret does`}; ${usage}`,
    );
  const [name] = rest;
  const target = verb === "rotate" && name !== undefined && !name.startsWith("-") ? name : undefined;
  if (verb === "rotate" && target === undefined) throw new Error(`secret rotate needs a NAME; ${usage}`);
  const argv = target === undefined ? rest : rest.slice(1);
  const options = readOptions("secret", argv, ["stack", "config-file", "context", "timeout"]);
  const { config, kubectl } = await openStackCluster(options);
  const run: SecretRun = {
    kubectl,
    stack: options.stack,
    secrets: config.security.generatedSecrets,
    namespaces: config.namespaces,
    timeoutSeconds: options.timeoutSeconds,
    log: say,
  };
  await (target === undefined ? listSecrets(run) : rotateSecret(run, target));
  return 0;
}
