import { stackUrls } from "../../components/plan/urls.ts";
import { readOptions } from "../options.ts";
import { openStackCluster } from "../stack-cluster.ts";
import { tokenMinutes, uiToken } from "../ui-token.ts";
import { say, sayAside } from "./common.ts";

const usage = "ui token [--duration 1h]";

/** `npm run ui -- token`: a token for the cluster's UI, on standard output and nowhere else. */
export async function ui([verb, ...rest]: string[]): Promise<number> {
  if (verb !== "token")
    throw new Error(`${verb === undefined ? "nothing is asked for" : `"${verb}" is nothing that ui does`}; ${usage}`);
  const options = readOptions("ui", rest, ["stack", "config-file", "context", "duration"]);
  const minutes = tokenMinutes(options.duration ?? "1h");
  const { config, kubectl } = await openStackCluster(options);
  say(await uiToken(kubectl, config, minutes));
  const url = stackUrls(config)["headlamp"];
  const forward = `kubectl port-forward -n ${config.namespaces.ui} service/headlamp 8080:80, then http://localhost:8080`;
  sayAside(`it may read, but no Secrets, for ${minutes} minutes; give it to Headlamp at ${url ?? forward}`);
  return 0;
}
