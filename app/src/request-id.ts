import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Long enough for UUIDs, ULIDs and trace contexts; without spaces, quotes and commas, which would let a caller forge log fields. */
const SANE = /^[\w.:/+=-]{1,128}$/;

/** The caller's `x-request-id`, so that one id follows a call through all services; a new one if it is absent or not sane. */
export function requestId(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && SANE.test(given) ? given : randomUUID();
}
