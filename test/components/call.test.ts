import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { runProcess } from "../../engine/process.ts";

const script = join(import.meta.dirname, "../../components/jobs/call.mjs");
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/job/run/wakeUp`;
}

async function call(
  url: string,
  { retries = 2, timeoutSeconds = 60 } = {},
): Promise<{ code: number; lines: string[] }> {
  const env = {
    CALL_URL: url,
    CALL_TIMEOUT_SECONDS: String(timeoutSeconds),
    CALL_RETRIES: String(retries),
    CALL_PAUSE_SECONDS: "0.02",
    CALL_LONGEST_PAUSE_SECONDS: "0.03",
  };
  const { code, stdout } = await runProcess(process.execPath, [script], { env });
  return { code, lines: stdout.trim().split("\n") };
}

/** Answers one status after the other, the last one for ever. */
function answering(...statuses: number[]): { listener: RequestListener; asked: string[] } {
  const asked: string[] = [];
  const listener: RequestListener = (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const status = statuses[Math.min(asked.length, statuses.length) - 1] ?? 500;
    response.writeHead(status, status === 301 ? { location: "/elsewhere" } : {});
    response.end(status === 204 ? undefined : "answer");
  };
  return { listener, asked };
}

describe("the call of a job", () => {
  it.each([200, 204])("succeeds at %i, by one GET", async (status) => {
    const { listener, asked } = answering(status);
    const url = await serve(listener);
    const { code, lines } = await call(url);
    expect(code).toBe(0);
    expect(asked).toEqual(["GET /api/job/run/wakeUp"]);
    expect(lines).toEqual([expect.stringMatching(new RegExp(`^GET ${url} attempt 1 of 3: ${status} after \\d+ ms$`))]);
  });

  it.each([301, 404, 500])("fails at %i, after all its retries", async (status) => {
    const { listener, asked } = answering(status);
    const { code, lines } = await call(await serve(listener));
    expect(code).toBe(1);
    expect(asked).toHaveLength(3);
    expect(asked).not.toContain("GET /elsewhere");
    expect(lines.map((line) => / attempt (\d of 3: \d+) /.exec(line)?.[1])).toEqual(
      [1, 2, 3].map((attempt) => `${attempt} of 3: ${status}`),
    );
  });

  it("succeeds when a retry does", async () => {
    const { listener, asked } = answering(500, 200);
    const { code, lines } = await call(await serve(listener));
    expect(code).toBe(0);
    expect(asked).toHaveLength(2);
    expect(lines).toHaveLength(2);
  });

  it("tries no more than once without retries", async () => {
    const { listener, asked } = answering(500);
    expect((await call(await serve(listener), { retries: 0 })).code).toBe(1);
    expect(asked).toHaveLength(1);
  });

  it("gives a call up that is not answered in time", async () => {
    const { code, lines } = await call(await serve(() => undefined), { retries: 0, timeoutSeconds: 0.5 });
    expect(code).toBe(1);
    expect(lines[0]).toMatch(/no answer within 0.5 s after [5-9]\d\d ms$/);
  });

  it("gives a call up whose answer does not end in time", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200);
      response.write("begun");
    });
    expect((await call(url, { retries: 0, timeoutSeconds: 0.5 })).code).toBe(1);
  });

  it("fails when the connection is refused or reset", async () => {
    const url = await serve((request) => {
      request.socket.resetAndDestroy();
    });
    const reset = await call(url, { retries: 0 });
    expect(reset).toMatchObject({ code: 1, lines: [expect.stringMatching(/ECONNRESET|other side closed/)] });
    servers[0]?.close();
    servers[0]?.closeAllConnections();
    const refused = await call(url, { retries: 1 });
    expect(refused.code).toBe(1);
    expect(refused.lines).toHaveLength(2);
    expect(refused.lines[0]).toMatch(/ECONNREFUSED/);
  });
});
