import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCliStack, readStack, secretVariable } from "../../engine/stack.ts";
import { failureOf, temporaryWorkspace } from "./programs.ts";

const project = "name: quorum\nconfig:\n  quorum:color:\n    default: red\n";

function workspaceWith(stack: string, projectFile = project) {
  return temporaryWorkspace({ "Pulumi.yaml": projectFile, "Pulumi.dev.yaml": stack });
}

describe("a stack's configuration", () => {
  test("is flattened as the SDK takes it: text as it is, numbers and booleans as text, maps and lists as JSON", () => {
    const workspace = workspaceWith(`config:
  quorum:text: hello
  quorum:number: 3
  quorum:flag: true
  quorum:map: {a: [1, two]}
  other:key: value
`);
    expect(readStack(workspace, { stack: "dev", env: {} })).toEqual({
      project: "quorum",
      stack: "dev",
      values: {
        "quorum:color": "red",
        "quorum:text": "hello",
        "quorum:number": "3",
        "quorum:flag": "true",
        "quorum:map": '{"a":[1,"two"]}',
        "other:key": "value",
      },
      secretKeys: [],
    });
  });

  test("a value in the stack's file wins over the project's default, and a key without namespace is the project's", () => {
    const { values } = readStack(workspaceWith("config:\n  color: blue\n"), { stack: "dev", env: {} });
    expect(values).toEqual({ "quorum:color": "blue" });
  });

  test("--context replaces the control plane; unavailable images join those that the stack names", () => {
    const workspace = workspaceWith(
      "config:\n  quorum:controlPlane: {mode: kubeadm}\n  quorum:images: {registry: r, unavailable: [a]}\n",
    );
    const { values } = readStack(workspace, { stack: "dev", context: "kind", unavailableImages: ["b", "a"], env: {} });
    expect(JSON.parse(values["quorum:controlPlane"] ?? "")).toEqual({ mode: "existing", context: "kind" });
    expect(JSON.parse(values["quorum:images"] ?? "")).toEqual({ registry: "r", unavailable: ["a", "b"] });
  });

  test.each<[string, string, boolean, boolean]>([
    [
      "a stack of local hosts keeps its mirror where the local registry runs",
      "{mode: kubeadm, local: true}",
      true,
      true,
    ],
    ["and loses it where that does not run", "{mode: kubeadm, local: true}", false, false],
    ["another stack's mirror is its own matter", "{mode: kubeadm}", false, true],
  ])("with --context, %s", (_title, controlPlane, localRegistryRuns, kept) => {
    const workspace = workspaceWith(
      `config:\n  quorum:controlPlane: ${controlPlane}\n  quorum:images: {registry: r, mirror: m}\n`,
    );
    const { values } = readStack(workspace, { stack: "dev", context: "kind", localRegistryRuns, env: {} });
    const images = { registry: "r", ...(kept && { mirror: "m" }) };
    expect(JSON.parse(values["quorum:images"] ?? "")).toEqual(images);
  });

  test.each([
    [
      "no such stack",
      {},
      "other",
      /Pulumi\.other\.yaml was not found, so there is no stack "other"; copy Pulumi\.dev\.yaml/,
    ],
    ["a name that is no name", {}, "../x", /--stack is "\.\.\/x", but a stack's name has only letters/],
  ])("%s", async (_title, options, stack, message) => {
    const workspace = workspaceWith("config: {}\n");
    expect(await failureOf(() => readStack(workspace, { stack, ...options }))).toMatch(message);
  });

  test.each([
    ["config: [1]\n", /Pulumi\.dev\.yaml: config is \[1\], but it must be a map/],
    ["config: {a: [}\n", /Pulumi\.dev\.yaml is not valid YAML: .*line 1/s],
    ["environment: [base]\n", /environment \(Pulumi ESC\) needs the Pulumi CLI; use --engine cli/],
  ])("%j is refused", async (content, message) => {
    const workspace = workspaceWith(content);
    expect(await failureOf(() => readStack(workspace, { stack: "dev", env: {} }))).toMatch(message);
  });
});

describe("secrets", () => {
  const stack = `config:
  quorum:token: {secure: v1:abc}
  quorum:images:
    builds: {app: {credentials: {username: me, password: {secure: v1:def}}}}
    list: [{secure: v1:ghi}]
`;

  test.each([
    ["token", "QUORUM_SECRET_TOKEN"],
    ["images.builds.app.credentials.password", "QUORUM_SECRET_IMAGES_BUILDS_APP_CREDENTIALS_PASSWORD"],
    ["images.list[0]", "QUORUM_SECRET_IMAGES_LIST_0"],
    ["other:key", "QUORUM_SECRET_OTHER_KEY"],
  ])("%s is looked for in %s", (key, variable) => expect(secretVariable(key)).toBe(variable));

  test("come from the environment or a private file, and make their whole key secret", () => {
    const workspace = workspaceWith(stack);
    const file = join(workspace.stateDir, "secrets.dev.yaml");
    writeFileSync(file, "images.builds.app.credentials.password: from-file\nimages.list[0]: 7\n", { mode: 0o600 });
    const config = readStack(workspace, { stack: "dev", env: { QUORUM_SECRET_TOKEN: "from-env" } });
    expect(config.values["quorum:token"]).toBe("from-env");
    expect(JSON.parse(config.values["quorum:images"] ?? "")).toEqual({
      builds: { app: { credentials: { username: "me", password: "from-file" } } },
      list: ["7"],
    });
    expect(config.secretKeys).toEqual(["quorum:token", "quorum:images"]);
  });

  test("those that are missing are named together, each with both of its places", async () => {
    const workspace = workspaceWith(stack);
    const message = await failureOf(() => readStack(workspace, { stack: "dev", env: { QUORUM_SECRET_TOKEN: "x" } }));
    expect(message).toContain(
      "images.builds.app.credentials.password: QUORUM_SECRET_IMAGES_BUILDS_APP_CREDENTIALS_PASSWORD, or the line",
    );
    expect(message).toContain("images.list[0]: QUORUM_SECRET_IMAGES_LIST_0");
    expect(message).toContain(join(workspace.stateDir, "secrets.dev.yaml"));
    expect(message).not.toContain("token:");
  });

  test("a file that others can read is refused", async () => {
    const workspace = workspaceWith(stack);
    const file = join(workspace.stateDir, "secrets.dev.yaml");
    writeFileSync(file, "token: x\n");
    chmodSync(file, 0o644);
    expect(await failureOf(() => readStack(workspace, { stack: "dev", env: {} }))).toMatch(/has mode 644.*chmod 600/);
  });

  test("a render puts a placeholder for each and reads none, present or not", () => {
    const workspace = workspaceWith(stack);
    const env = { QUORUM_SECRET_TOKEN: "hush" };
    const config = readStack(workspace, { stack: "dev", secrets: "placeholder", env });
    expect(config.values["quorum:token"]).toBe("unset:token");
    expect(config.values["quorum:images"]).toContain("unset:images.builds.app.credentials.password");
    expect(JSON.stringify(config)).not.toContain("hush");
  });
});

describe("the stack as the Pulumi CLI is to see it", () => {
  test("a file that a CLI has encrypted goes as it is", () => {
    const workspace = workspaceWith("encryptionsalt: s\nconfig:\n  quorum:token: {secure: v1:abc}\n");
    const { document, secrets } = readCliStack(workspace, { stack: "dev", env: {} });
    expect(document).toEqual({ encryptionsalt: "s", config: { "quorum:token": { secure: "v1:abc" } } });
    expect(secrets).toEqual([]);
  });

  test("secrets of a file that none has encrypted are set one by one, and stand in no file", () => {
    const workspace = workspaceWith("config:\n  quorum:a: {b: 1, 'c.d': {secure: x}}\n  quorum:t: {secure: y}\n");
    const env = { QUORUM_SECRET_A_C_D: "one", QUORUM_SECRET_T: "two" };
    const { document, secrets } = readCliStack(workspace, { stack: "dev", env });
    expect(document).toEqual({ config: { "quorum:a": { b: 1 } } });
    expect(secrets).toEqual([
      { path: 'quorum:a["c.d"]', value: "one" },
      { path: "quorum:t", value: "two" },
    ]);
  });
});
