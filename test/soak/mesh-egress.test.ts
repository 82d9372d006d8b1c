import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { appImages, noMonitoring, smallMesh } from "../cluster/small-sections.ts";

const host = "egress-74";
/** The machine itself, as its local hosts see it: outside the mesh and the cluster. */
const outside = "10.210.0.1";
const ports = { msgd: 9987, other: 9988, echo: 9986, secure: 9985, nobody: 9984 } as const;
const app = { image: "app", role: "web", replicas: 1, resources: { cpuMillis: 10, memoryMiB: 96 } };
const led = { address: outside, gateway: true };
const sections = {
  images: appImages,
  storage: { provisioner: "local-path", retain: false },
  services: {
    payer: { ...app, calls: ["msgd", "echo", "secure"] },
    clerk: { ...app, calls: ["other"] },
    stranger: app,
  },
  jobs: {},
  mesh: {
    ...smallMesh,
    egress: { replicas: 1, cpuMillis: 10, memoryMiB: 128 },
    external: {
      msgd: { ...led, port: ports.msgd, protocol: "http", timeoutMillis: 3000, retries: { attempts: 1 } },
      other: { ...led, port: ports.other, protocol: "http" },
      echo: { ...led, port: ports.echo, protocol: "tcp" },
      secure: { ...led, port: ports.secure, protocol: "http", tls: { plainPort: 8085, sni: "secure.example.com" } },
    },
  },
  monitoring: noMonitoring,
};

/** Asks from inside a pod; the answer's status and text, or why there was none. */
const asker = `
const [url] = process.argv.slice(1);
fetch(url, { signal: AbortSignal.timeout(8000) }).then(
  async (answer) => console.log(answer.status, await answer.text()),
  (error) => console.log("error", String(error.cause?.code ?? error.name)),
);`;
const sayer = `
const socket = require("node:net").connect({ host: process.argv[1], port: Number(process.argv[2]) });
socket.setTimeout(8000, () => { console.log("timeout"); process.exit(); });
socket.on("error", ({ code }) => console.log("error", code)).on("data", (data) => { console.log(String(data)); process.exit(); });
socket.on("close", () => console.log("closed")).write("hello");`;

/** That the network lets no pod but the gateway's out is shown by evaluation of the policies alone: no enforcer runs on local hosts. */
describe("calls that leave the mesh through its egress gateway", () => {
  let own: OwnHosts;
  const servers: Server[] = [];
  const names: string[] = [];
  const alerts: string[] = [];
  const authorities: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "egress-"));
  const exec = (pod: string, container: string, command: readonly string[]) =>
    own.kubectl(["exec", "-n", "apps", `deploy/${pod}`, "-c", container, "--", ...command]);
  const ask = async (from: string, port: number, path = "/send") =>
    (await exec(from, from, ["node", "-e", asker, `http://${outside}:${port}${path}`])).trim();
  const listen = async (server: Server, port: number) => {
    servers.push(server.listen(port, outside));
    await once(server, "listening");
  };
  /** Requests that the gateway's proxy sent to a host, by its own count. */
  const passed = async (name: string, port: number, series: string) => {
    const stats = await own.kubectl([
      ...["exec", "-n", "istio-system", "deploy/istio-egress", "--", "pilot-agent", "request", "GET"],
      `stats?filter=outbound.${port}..${name}.external.quorum.internal.*${series}$`,
    ]);
    return Number(/: (\d+)\s*$/m.exec(stats)?.[1] ?? 0);
  };

  beforeAll(async () => {
    own = await OwnHosts.make({ name: "egress-story", hosts: { [host]: "10.210.0.74" }, sections });
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=secure.example.com", "-addext", "subjectAltName=DNS:secure.example.com"];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, "-keyout", key, "-out", cert],
      { stdio: "pipe" },
    );
    for (const port of [ports.msgd, ports.other, ports.nobody])
      await listen(
        createHttpServer((request, response) => {
          authorities.push(request.headers.host ?? "");
          response.end(`port ${port}`);
        }),
        port,
      );
    await listen(
      createTcpServer((socket) =>
        socket.on("error", () => undefined).on("data", (data) => socket.end(`echo ${data.toString()}`)),
      ),
      ports.echo,
    );
    const secure = createTlsServer({
      key: readFileSync(key),
      cert: readFileSync(cert),
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    });
    await listen(
      secure.on("tlsClientError", ({ message }) => alerts.push(message)),
      ports.secure,
    );
    await own.up();
  });

  afterAll(async () => {
    await own.remove();
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });

  test("a declared caller's requests go through the gateway, and name the host as it asked for it", async () => {
    await expect.poll(() => ask("payer", ports.msgd), { timeout: 60_000 }).toBe(`200 port ${ports.msgd}`);
    const before = await passed("msgd", ports.msgd, "upstream_rq_total");
    authorities.length = 0;
    for (let count = 0; count < 20; count++) expect(await ask("payer", ports.msgd)).toBe(`200 port ${ports.msgd}`);
    expect((await passed("msgd", ports.msgd, "upstream_rq_total")) - before).toBe(20);
    expect(new Set(authorities)).toEqual(new Set([`${outside}:${ports.msgd}`]));
  });

  test("so do its streams", async () => {
    const say = () => exec("payer", "payer", ["node", "-e", sayer, outside, String(ports.echo)]);
    await expect.poll(say, { timeout: 60_000 }).toMatch(/^echo hello/);
    expect(await passed("echo", ports.echo, "upstream_cx_total")).toBeGreaterThan(0);
  });

  test("TLS begins at the gateway, by the name that the certificate must have, and a certificate that nobody vouches for is refused", async () => {
    expect(await ask("payer", 8085, "/")).toMatch(/^503 /);
    expect(names).toContain("secure.example.com");
    // Why is told to the server, and in the gateway's log; what the caller is answered says no more than that it failed.
    expect(alerts).toContainEqual(expect.stringContaining("alert unknown ca"));
  });

  test("a caller that declares another host, or none, is refused, and so is a host that nobody declared", async () => {
    await expect.poll(() => ask("clerk", ports.other), { timeout: 60_000 }).toBe(`200 port ${ports.other}`);
    expect(await ask("clerk", ports.msgd)).toMatch(/^(error|502)/);
    expect(await ask("stranger", ports.msgd)).toMatch(/^(error|502)/);
    expect(await ask("payer", ports.nobody)).toMatch(/^(error|502)/);
  });

  test("the gateway itself refuses who did not declare a host, by the caller's certificate", async () => {
    // The caller's own boundary taken away, the next one holds.
    await own.kubectl(["delete", "sidecars.networking.istio.io", "default", "clerk", "-n", "apps"]);
    await expect.poll(() => ask("clerk", ports.msgd), { timeout: 60_000 }).toBe("403 RBAC: access denied");
    expect(await ask("clerk", ports.other)).toBe(`200 port ${ports.other}`);
  });

  test("a second run changes nothing but what was taken away", async () => {
    const { stdout } = await own.up();
    expect(stdout).toMatch(/0 changed, 0 deleted/);
    expect((await own.up()).stdout).toMatch(/^nothing to change: \d+ objects/m);
  });
});
