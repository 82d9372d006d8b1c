import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Workspace } from "../../engine/files.ts";
import { ImageMaker } from "../../engine/direct/image.ts";
import { type Registration, unknown } from "../../engine/direct/registration.ts";
import { findManifest, parseReference, registryUrl } from "../../engine/direct/registry.ts";
import { registration } from "./objects.ts";
import { failureOf, fakeProgram, temporaryWorkspace } from "./programs.ts";

const digest = `sha256:${"a".repeat(64)}`;

/** A registry that keeps its tags in a file, so that a fake Docker can push into it. */
async function registry(answer?: (request: IncomingMessage, response: ServerResponse) => boolean): Promise<string> {
  const server = createServer((request, response) => {
    if (answer?.(request, response) === true) return;
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return `localhost:${(server.address() as AddressInfo).port}`;
}

/** Answers for every tag that is named in a file of the workspace. */
const pushedTags = (workspace: Workspace) => (request: IncomingMessage, response: ServerResponse) => {
  const tag = request.url?.split("/").at(-1) ?? "";
  if (!readFileSync(join(workspace.stateDir, "pushed"), "utf8").includes(`:${tag}\n`)) return false;
  response.writeHead(200, { "docker-content-digest": digest }).end();
  return true;
};

/** Docker that notes how it was called, and pushes by writing down the tag. */
const docker = (workspace: Workspace, extra = "") => `
echo "$@" >>"${workspace.stateDir}/docker.log"
echo "BUILDKIT=$DOCKER_BUILDKIT HOST=$DOCKER_HOST SECRET=$TOKEN $(cat "$DOCKER_CONFIG/config.json" 2>/dev/null)" >>"${workspace.stateDir}/docker.env"
${extra}
case "$1" in
  buildx) exit 1;;
  push) echo "$2" >>"${workspace.stateDir}/pushed"; echo "dev: digest: ${digest} size: 1";;
esac`;

function checkout(): Workspace {
  const workspace = temporaryWorkspace({
    "app/Dockerfile": "FROM scratch\n",
    "app/main.ts": "1",
    ".quorum/pushed": "",
  });
  return workspace;
}

/** A port that nothing listens on. */
const nowhere = "localhost:2";

const read = (workspace: Workspace, name: string) => readFileSync(join(workspace.stateDir, name), "utf8");

function image(host: string, more: Record<string, unknown> = {}, options: Partial<Registration> = {}): Registration {
  return registration({
    type: "docker:index/image:Image",
    name: "app",
    inputs: { imageName: `${host}/quorum/app:dev`, build: { context: "app" }, ...more },
    ...options,
  });
}

function maker(workspace: Workspace, preview = false) {
  const said: string[] = [];
  const docker = () => Promise.resolve({ path: "docker", host: "unix:///run/x.sock" });
  return { said, maker: new ImageMaker({ workspace, preview, log: (line) => said.push(line), docker }) };
}

describe("an image", () => {
  test("is built and pushed under its tag and its content's name, and then known by its digest", async () => {
    const workspace = checkout();
    const host = await registry(pushedTags(workspace));
    fakeProgram("docker", docker(workspace));
    const { maker: images } = maker(workspace);
    const { outputs } = await images.make(
      image(host, {
        build: { context: "app", args: { A: "1" }, platform: "linux/amd64", network: "host", target: "run" },
      }),
    );
    expect(outputs).toEqual({ baseImageName: `${host}/quorum/app`, repoDigest: `${host}/quorum/app@${digest}` });
    expect(images.results).toEqual([{ name: "app", reference: `${host}/quorum/app@${digest}`, built: true }]);
    const [buildx, build, ...pushes] = read(workspace, "docker.log").trim().split("\n");
    expect(buildx).toBe("buildx version");
    expect(build).toMatch(
      new RegExp(
        `^build --tag ${host}/quorum/app:dev --tag ${host}/quorum/app:ctx-[0-9a-f]{40} --file .*/app/Dockerfile --build-arg A=1 --platform linux/amd64 --target run --network host .*/app$`,
      ),
    );
    expect(pushes).toEqual([`push ${host}/quorum/app:dev`, expect.stringMatching(/^push .*:ctx-[0-9a-f]{40}$/)]);
    expect(read(workspace, "docker.env")).toContain("BUILDKIT=0 HOST=unix:///run/x.sock");
  });

  test("is neither built nor pushed while the registry has its content, and is again once that changes", async () => {
    const workspace = checkout();
    const host = await registry(pushedTags(workspace));
    fakeProgram("docker", docker(workspace));
    await maker(workspace).maker.make(image(host));
    const calls = read(workspace, "docker.log");
    const { maker: second } = maker(workspace);
    expect((await second.make(image(host))).outputs["repoDigest"]).toBe(`${host}/quorum/app@${digest}`);
    expect(second.results[0]?.built).toBe(false);
    expect(read(workspace, "docker.log")).toBe(calls);
    writeFileSync(join(workspace.root, "app/main.ts"), "2");
    await maker(workspace).maker.make(image(host));
    expect(read(workspace, "docker.log")).not.toBe(calls);
  });

  test.each([
    [
      "that its registry has is built on by the digest of its tag, which its label names",
      "",
      (host: string) => `${host}/base:1`,
    ],
    ["that is given by digest stays as it is", digest, (host: string) => `${host}/base:1@${digest}`],
    ["that no registry tells of stays as it is", "", () => `${nowhere}/base:1`],
  ])("a base %s", async (_, given, baseOf) => {
    const workspace = checkout();
    const host = await registry(pushedTags(workspace));
    writeFileSync(join(workspace.stateDir, "pushed"), `${host}/base:1\n`);
    fakeProgram("docker", docker(workspace));
    const args = { BASE: baseOf(host), BASE_DIGEST: given };
    await maker(workspace).maker.make(image(host, { build: { context: "app", args } }));
    const [, build = ""] = read(workspace, "docker.log").split("\n");
    const reached = baseOf(host).startsWith(host);
    expect(build).toContain(
      reached
        ? `--build-arg BASE=${host}/base:1@${digest} --build-arg BASE_DIGEST=${digest} `
        : `--build-arg BASE=${nowhere}/base:1 --build-arg BASE_DIGEST= `,
    );
  });

  test("is never built at preview: known from the registry, else unknown", async () => {
    const workspace = checkout();
    const host = await registry(pushedTags(workspace));
    fakeProgram("docker", docker(workspace));
    const before = await maker(workspace, true).maker.make(image(host));
    expect(before.outputs["repoDigest"]).toBe(unknown);
    await maker(workspace).maker.make(image(host));
    const calls = read(workspace, "docker.log");
    const after = await maker(workspace, true).maker.make(image(host));
    expect(after.outputs["repoDigest"]).toBe(`${host}/quorum/app@${digest}`);
    expect((await maker(workspace, true).maker.make(image(nowhere))).outputs["repoDigest"]).toBe(unknown);
    expect((await maker(workspace, true).maker.make(image(host, { build: unknown }))).outputs["repoDigest"]).toBe(
      unknown,
    );
    expect(read(workspace, "docker.log")).toBe(calls);
  });

  test("credentials and secret arguments reach Docker, and no process list", async () => {
    const workspace = checkout();
    const host = await registry(pushedTags(workspace));
    fakeProgram("docker", docker(workspace));
    const inputs = {
      build: { context: "app", args: { TOKEN: "hush-1" } },
      registry: { server: host, username: "me", password: "hush-2" },
    };
    await maker(workspace).maker.make(
      image(host, inputs, {
        secretPaths: [
          ["build", "args", "TOKEN"],
          ["registry", "password"],
        ],
      }),
    );
    expect(read(workspace, "docker.log")).toMatch(/--build-arg TOKEN \//);
    expect(read(workspace, "docker.log")).not.toContain("hush");
    expect(read(workspace, "docker.env")).toContain("SECRET=hush-1");
    expect(read(workspace, "docker.env")).toContain(Buffer.from("me:hush-2").toString("base64"));
  });

  test.each<[string, string, RegExp]>([
    [
      "no daemon",
      'echo "Cannot connect to the Docker daemon at unix:///x." >&2; exit 1',
      /^no Docker daemon answers, but .* must be built; start Docker/,
    ],
    [
      "a Dockerfile that fails",
      '[ "$1" = build ] && { seq 30; echo "step says no" >&2; exit 1; }',
      /^building .* failed; mend the Dockerfile.*\n12\n.*\n30\nstep says no$/s,
    ],
    [
      "a full disk",
      '[ "$1" = build ] && { echo "write: no space left on device" >&2; exit 1; }',
      /the disk is full; free some space/,
    ],
    [
      "a refused push",
      '[ "$1" = push ] && { echo "denied: pushes are closed" >&2; exit 1; }',
      /^registry localhost:\d+ refused quorum\/app \(no credentials are given; denied: pushes are closed\); set .*credentials/,
    ],
    [
      "a registry that Docker cannot reach",
      '[ "$1" = push ] && { echo "dial tcp: connection refused" >&2; exit 1; }',
      /cannot be reached by Docker \(dial tcp: connection refused\)/,
    ],
    [
      "a registry without HTTPS",
      '[ "$1" = push ] && { echo "server gave HTTP response to HTTPS client" >&2; exit 1; }',
      /speaks plain HTTP.*insecure-registries/,
    ],
  ])("%s ends with one message", async (_title, script, message) => {
    const workspace = checkout();
    const host = await registry(pushedTags(workspace));
    fakeProgram("docker", docker(workspace, script));
    expect(await failureOf(() => maker(workspace).maker.make(image(host)))).toMatch(message);
  });

  test("a registry that cannot be reached, or refuses the credentials, stops it before the build", async () => {
    const workspace = checkout();
    fakeProgram("docker", docker(workspace));
    expect(await failureOf(() => maker(workspace).maker.make(image(nowhere)))).toMatch(
      /^registry localhost:2 cannot be reached \(ECONNREFUSED\)/,
    );
    const closed = await registry((_request, response) => Boolean(response.writeHead(401).end()));
    const inputs = { registry: { username: "me", password: "hush" } };
    const message = await failureOf(() => maker(workspace).maker.make(image(closed, inputs)));
    expect(message).toMatch(/refused quorum\/app \(user me; status 401\)/);
    expect(message).not.toContain("hush");
  });

  test.each<[Record<string, unknown>, RegExp]>([
    [{ imageName: undefined }, /has no imageName/],
    [{ skipPush: true }, /has skipPush, but without a push it has no digest/],
    [{ imageName: "x@sha256:1" }, /a name to push to has a tag and no digest/],
  ])("%j is refused", async (inputs, message) => {
    expect(await failureOf(() => maker(checkout()).maker.make(image(nowhere, inputs)))).toMatch(message);
  });
});

describe("a registry", () => {
  test.each([
    ["localhost:5000/quorum/app:dev", "localhost:5000", "quorum/app", "dev"],
    ["registry.example.com/app", "registry.example.com", "app", "latest"],
    ["library/node:24", "docker.io", "library/node", "24"],
    ["node", "docker.io", "library/node", "latest"],
  ])("%s", (name, host, repository, tag) => expect(parseReference(name)).toEqual({ registry: host, repository, tag }));

  test.each([
    ["localhost:5000", "http://localhost:5000"],
    ["127.0.0.1:1", "http://127.0.0.1:1"],
    ["registry.example.com", "https://registry.example.com"],
    ["localhost.example.com", "https://localhost.example.com"],
    ["docker.io", "https://registry-1.docker.io"],
  ])("%s is spoken to at %s", (host, url) => expect(registryUrl(host)).toBe(url));

  test("that wants a token gets one, fetched with the credentials", async () => {
    const seen: (string | undefined)[] = [];
    const host: string = await registry((request, response) => {
      seen.push(request.headers.authorization);
      if (request.url?.startsWith("/token") === true) {
        response.end(JSON.stringify({ token: `${new URL(request.url, "http://x").searchParams.get("scope")}` }));
      } else if (request.headers.authorization === "Bearer repository:q/app:pull") {
        response.writeHead(200, { "docker-content-digest": digest }).end();
      } else {
        response
          .writeHead(401, {
            "www-authenticate": `Bearer realm="http://${host}/token",service="s",scope="repository:q/app:pull"`,
          })
          .end();
      }
      return true;
    });
    const answer = await findManifest(parseReference(`${host}/q/app:1`), "1", { username: "me", password: "p" });
    expect(answer).toEqual({ state: "found", digest });
    const basic = `Basic ${Buffer.from("me:p").toString("base64")}`;
    expect(seen).toEqual([basic, basic, "Bearer repository:q/app:pull"]);
  });

  test.each([
    [404, { state: "absent" }],
    [403, { state: "refused", status: 403 }],
  ])("status %i", async (status, expected) => {
    const host = await registry((_request, response) => Boolean(response.writeHead(status).end()));
    expect(await findManifest(parseReference(`${host}/a:1`), "1")).toEqual(expected);
  });

  test("that fails is named", async () => {
    const host = await registry((_request, response) => Boolean(response.writeHead(500).end()));
    expect(await failureOf(() => findManifest(parseReference(`${host}/a:1`), "1"))).toBe(
      `registry ${host} answered 500 for a:1; look at the registry's log`,
    );
  });
});
