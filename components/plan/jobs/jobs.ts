import { createHash } from "node:crypto";
import { calledService } from "../connections/connections.ts";
import { longestPauseSeconds } from "./job-checks.ts";

/** Label of a job's pods and Jobs: the job's name. */
export const jobLabel = "quorum.dev/job";

/** What of a service decides where its Service listens. */
export interface CalledService {
  readonly port: number;
  readonly servicePort?: number | undefined;
  readonly expose?: { readonly port: number } | undefined;
}

/**
 * The URL of a call `service/path`, by the Service's own port.
 *
 * @param namespace of the services, where the caller's is another
 * @throws Error when the service is not there
 */
export function callUrl(call: string, services: Readonly<Record<string, CalledService>>, namespace?: string): string {
  const name = calledService(call);
  const service = services[name];
  if (service === undefined) throw new Error(`the service ${name} of the call ${call} is not there; declare it`);
  const port = service.expose?.port ?? service.servicePort ?? service.port;
  const host = namespace === undefined ? name : `${name}.${namespace}.svc`;
  return `http://${host}${port === 80 ? "" : `:${port}`}${call.slice(name.length)}`;
}

/** Seconds to wait for an answer, and how often to call again. */
export interface CallSettings {
  readonly url: string;
  readonly timeoutSeconds: number;
  readonly retries: number;
}

/** Environment of components/jobs/call.mjs. */
export function callEnvironment({ url, timeoutSeconds, retries }: CallSettings): Record<string, string> {
  return {
    CALL_URL: url,
    CALL_TIMEOUT_SECONDS: String(timeoutSeconds),
    CALL_RETRIES: String(retries),
    CALL_PAUSE_SECONDS: "1",
    CALL_LONGEST_PAUSE_SECONDS: String(longestPauseSeconds),
  };
}

/** Hex digits in the name of a Job that runs once; a run of a CronJob has eight decimal ones. */
const hashDigits = 10;

/** Name of the Job of a job that runs once: another for another content, as a Job that is there cannot be changed. */
export function oneOffJobName(name: string, content: unknown): string {
  return `${name}-${createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, hashDigits)}`;
}
