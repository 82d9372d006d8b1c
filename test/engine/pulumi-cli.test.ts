import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { makeImportFile, withProgramInputs } from "../../engine/import-file.ts";
import { openPulumi } from "../../engine/pulumi-cli.ts";
import { preparePulumiProject } from "../../engine/pulumi-project.ts";
import { readPulumiState } from "../../engine/pulumi-state.ts";
import { unknown } from "../../engine/direct/registration.ts";
import { kubernetes, object, registration } from "./objects.ts";
import { fakeProgram, temporaryFolder, temporaryWorkspace } from "./programs.ts";

const files = {
  "Pulumi.yaml": "name: quorum\nruntime:\n  name: nodejs\n  options: {typescript: false}\nmain: index.ts\n",
  "Pulumi.dev.yaml": "config:\n  quorum:images: {registry: r}\n  quorum:token: {secure: x}\n",
};
const secret = { QUORUM_SECRET_TOKEN: "hush" };

describe("where the Pulumi CLI runs", () => {
  test("without a backend of the user's, in a folder of ours, with a local state and a passphrase that is made once", () => {
    const workspace = temporaryWorkspace(files);
    const env = { HOME: temporaryFolder(), ...secret };
    const project = preparePulumiProject(workspace, { stack: "dev", env }, env);
    expect(project.folder).toBe(join(workspace.stateDir, "pulumi"));
    expect(project.env["PULUMI_BACKEND_URL"]).toBe(pathToFileURL(join(workspace.stateDir, "state")).href);
    const passphrase = project.env["PULUMI_CONFIG_PASSPHRASE_FILE"] ?? "";
    expect(statSync(passphrase).mode & 0o777).toBe(0o600);
    const first = readFileSync(passphrase, "utf8");
    expect(first.length).toBeGreaterThan(32);
    preparePulumiProject(workspace, { stack: "dev", env }, env);
    expect(readFileSync(passphrase, "utf8")).toBe(first);
    expect(parse(readFileSync(join(project.folder, "Pulumi.yaml"), "utf8"))).toMatchObject({
      name: "quorum",
      main: join(workspace.root, "index.ts"),
    });
    expect(project.secrets).toEqual([{ path: "quorum:token", value: "hush" }]);
    expect(readFileSync(join(project.folder, "Pulumi.dev.yaml"), "utf8")).not.toContain("hush");
  });

  test("the salt that the CLI wrote into our copy stays, and the user's file is left alone", () => {
    const workspace = temporaryWorkspace(files);
    const env = { HOME: temporaryFolder(), PULUMI_CONFIG_PASSPHRASE: "p", ...secret };
    const { folder, env: variables } = preparePulumiProject(workspace, { stack: "dev", env }, env);
    expect(variables).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE_FILE");
    writeFileSync(join(folder, "Pulumi.dev.yaml"), "encryptionsalt: s\nconfig: {}\n");
    preparePulumiProject(workspace, { stack: "dev", env }, env);
    expect(parse(readFileSync(join(folder, "Pulumi.dev.yaml"), "utf8"))).toEqual({
      encryptionsalt: "s",
      config: { "quorum:images": { registry: "r" } },
    });
    expect(readFileSync(join(workspace.root, "Pulumi.dev.yaml"), "utf8")).toBe(files["Pulumi.dev.yaml"]);
  });

  test.each<[string, Record<string, string>, string]>([
    ["the environment names a backend", { PULUMI_BACKEND_URL: "s3://b" }, files["Pulumi.yaml"]],
    ["there is an access token", { PULUMI_ACCESS_TOKEN: "t" }, files["Pulumi.yaml"]],
    ["the project names a backend", {}, `${files["Pulumi.yaml"]}backend: {url: "s3://b"}\n`],
  ])("in the checkout itself when %s", (_title, env, projectFile) => {
    const workspace = temporaryWorkspace({ ...files, "Pulumi.yaml": projectFile });
    const project = preparePulumiProject(workspace, { stack: "dev" }, { HOME: temporaryFolder(), ...env });
    expect(project).toEqual({ folder: workspace.root, env: {}, secrets: [], ownBackend: false });
  });

  test("in the checkout itself after pulumi login; in a copy when the command line overrides the stack", () => {
    const workspace = temporaryWorkspace({
      ...files,
      "Pulumi.dev.yaml": "encryptionsalt: s\nconfig:\n  quorum:token: {secure: v1:x}\n",
    });
    const home = temporaryFolder();
    mkdirSync(join(home, ".pulumi"));
    writeFileSync(join(home, ".pulumi/credentials.json"), JSON.stringify({ current: "https://api.pulumi.com" }));
    const env = { HOME: home };
    expect(preparePulumiProject(workspace, { stack: "dev" }, env).folder).toBe(workspace.root);
    const { folder, env: variables } = preparePulumiProject(workspace, { stack: "dev", context: "kind" }, env);
    expect(variables).toEqual({});
    expect(parse(readFileSync(join(folder, "Pulumi.dev.yaml"), "utf8"))).toEqual({
      encryptionsalt: "s",
      config: { "quorum:token": { secure: "v1:x" }, "quorum:controlPlane": { mode: "existing", context: "kind" } },
    });
    expect(existsSync(join(workspace.stateDir, "state"))).toBe(false);
  });

  test("names each secret that is to be set where the CLI alone has them", () => {
    const stack = `config:
  quorum:token: { secure: unset }
  quorum:services: { web: { secrets: { files: { "a.key": { secure: unset } }, env: { SET: { secure: v1:x } } } } }
  quorum:controlPlane: { ssh: { privateKey: { secure: unset } } }
`;
    const workspace = temporaryWorkspace({ ...files, "Pulumi.dev.yaml": stack });
    const env = { HOME: temporaryFolder(), PULUMI_BACKEND_URL: "s3://b" };
    expect(() => preparePulumiProject(workspace, { stack: "dev" }, env)).toThrow(
      `secrets of stack dev are { secure: unset } in Pulumi.dev.yaml, but the Pulumi CLI needs each encrypted; run:
  pulumi config set --secret --path 'quorum:token' --stack dev
  pulumi config set --secret --path 'quorum:services.web.secrets.files["a.key"]' --stack dev
  pulumi config set --secret --path 'quorum:controlPlane.ssh.privateKey' --stack dev`,
    );
    writeFileSync(join(workspace.root, "Pulumi.dev.yaml"), `encryptionsalt: s\n${stack}`);
    // Another cluster has no use for the key to the hosts.
    const elsewhere = () => preparePulumiProject(workspace, { stack: "dev", context: "kind" }, env);
    expect(elsewhere).toThrow(/quorum:token/);
    expect(elsewhere).not.toThrow(/privateKey/);
  });
});

describe("the CLI's state", () => {
  const sig = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
  const stackResource = { urn: "urn:pulumi:dev::quorum::pulumi:pulumi:Stack::quorum-dev", type: "pulumi:pulumi:Stack" };
  const provider = (inputs: object) => ({
    urn: "urn:pulumi:dev::quorum::pulumi:providers:kubernetes::cluster",
    type: "pulumi:providers:kubernetes",
    inputs,
  });
  const exported = (...resources: object[]) => JSON.stringify({ version: 3, deployment: { resources } });

  test.each([
    [
      "nothing",
      JSON.stringify({ deployment: {} }),
      { isEmpty: true, isInterrupted: false, kubeconfig: undefined, context: undefined },
    ],
    [
      "the stack alone",
      exported(stackResource),
      { isEmpty: true, isInterrupted: false, kubeconfig: undefined, context: undefined },
    ],
    [
      "a secret kubeconfig",
      exported(stackResource, provider({ kubeconfig: { ...sig, plaintext: '"the kubeconfig"' } })),
      { isEmpty: false, isInterrupted: false, kubeconfig: "the kubeconfig", context: undefined },
    ],
    [
      "a context",
      exported(stackResource, provider({ context: "kind", kubeconfig: "" })),
      { isEmpty: false, isInterrupted: false, kubeconfig: undefined, context: "kind" },
    ],
    [
      "a run that was ended",
      JSON.stringify({ deployment: { resources: [provider({ context: "kind" })], pending_operations: [{}] } }),
      { isEmpty: false, isInterrupted: true, kubeconfig: undefined, context: "kind" },
    ],
  ])("with %s", (_title, text, expected) => expect(readPulumiState(text)).toEqual(expected));
});

describe("the import file", () => {
  const stackResource = registration({
    urn: "urn:pulumi:dev::quorum::pulumi:pulumi:Stack::quorum-dev",
    type: "pulumi:pulumi:Stack",
    name: "quorum-dev",
    custom: false,
  });
  const outer = registration({
    urn: "urn:outer",
    type: "quorum:a:Outer",
    name: "outer",
    custom: false,
    parent: stackResource.urn,
  });
  const inner = registration({
    urn: "urn:inner",
    type: "quorum:b:Inner",
    name: "inner",
    custom: false,
    parent: outer.urn,
  });
  const provider = registration({
    urn: "urn:provider",
    type: "pulumi:providers:kubernetes",
    name: "cluster",
    inputs: { kubeconfig: "the kubeconfig", enableServerSideApply: "true" },
    secretPaths: [["kubeconfig"]],
    version: "4.34.2",
  });
  const web = kubernetes(object("Service", "web", { namespace: "apps" }), {
    urn: "urn:web",
    parent: inner.urn,
    provider: "urn:provider::direct",
    version: "4.34.2",
  });
  const space = kubernetes(object("Namespace", "apps"), {
    urn: "urn:space",
    parent: stackResource.urn,
    provider: "urn:provider::direct",
  });
  const resources = [stackResource, outer, inner, provider, web, space];

  test("has the objects with their ids, parents and provider, and every parent before its children", () => {
    const file = makeImportFile(resources, [
      { urn: "urn:web", id: "apps/web" },
      { urn: "urn:space", id: "apps" },
    ]);
    expect(file.nameTable).toEqual({ "provider-0": "urn:provider" });
    expect(file.resources).toEqual([
      { type: "quorum:a:Outer", name: "urn:outer", logicalName: "outer", component: true },
      { type: "quorum:b:Inner", name: "urn:inner", logicalName: "inner", parent: "urn:outer", component: true },
      {
        type: "kubernetes:v1:Service",
        name: "urn:web",
        logicalName: "web",
        parent: "urn:inner",
        id: "apps/web",
        provider: "provider-0",
        version: "4.34.2",
      },
      { type: "kubernetes:v1:Namespace", name: "urn:space", logicalName: "apps", id: "apps", provider: "provider-0" },
    ]);
  });

  test("keeps the provider's secrets secret", () => {
    const { providerInputs } = makeImportFile(resources, [{ urn: "urn:web", id: "apps/web" }]);
    expect(providerInputs).toEqual({
      "provider-0": {
        kubeconfig: {
          "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
          plaintext: '"the kubeconfig"',
        },
        enableServerSideApply: "true",
        version: "4.34.2",
      },
    });
  });

  test("leaves out what the cluster does not have, and the parents of that alone", () => {
    const file = makeImportFile(resources, [{ urn: "urn:space", id: "apps" }]);
    expect(file.resources.map(({ logicalName }) => logicalName)).toEqual(["apps"]);
  });
});

describe("up by the Pulumi CLI", () => {
  const sig = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
  const full = JSON.stringify({
    deployment: {
      resources: [
        { urn: "u", type: "kubernetes:core/v1:ConfigMap" },
        {
          urn: "p",
          type: "pulumi:providers:kubernetes",
          inputs: { kubeconfig: { ...sig, plaintext: '"apiVersion: v1\\nkind: Config\\n"' } },
        },
      ],
    },
  });

  /** A pulumi that notes its calls and answers from files, and a kubectl that has the given objects. */
  async function openOn(options: {
    exports: string[];
    live: object[];
    /** Of the program. @default two ConfigMaps */
    objects?: object[];
    importFails?: boolean;
    /** What the cluster has after an `up` that fails, until something is replaced. */
    liveAfterFailure?: object[];
  }) {
    const workspace = temporaryWorkspace({ ...files, "Pulumi.dev.yaml": "config:\n  quorum:token: {secure: x}\n" });
    options.exports.forEach((text, index) => writeFileSync(join(workspace.stateDir, `export-${index}`), text));
    const pulumi = fakeProgram(
      "pulumi",
      `cd ${workspace.stateDir}
echo "$*|$PULUMI_K8S_UPSERT_EXISTING_OBJECTS" >>calls
case "$1 $2" in
  "stack init") echo "error: stack 'dev' already exists" >&2; exit 255;;
  "config set") cat >secret;;
  "stack export") n=$(cat exported 2>/dev/null || echo 0); echo $((n + 1)) >exported; cat export-$n;;
  "stack output") echo '{"urls": {"app": "u"}}';;
  "up --yes") ${options.liveAfterFailure === undefined ? "true" : "touch failed; exit 255"};;
  "import --file") cp "$3" imported; ${options.importFails === true ? "echo 'error: no such provider' >&2; exit 1" : "true"};;
esac`,
    );
    const kubectl = fakeProgram(
      "kubectl",
      `cd ${workspace.stateDir}
echo "$*" >>kubectl
case "$*" in *" replace "*) cat >replaced; rm failed;; *) cat >/dev/null;; esac
if [ -e failed ]; then echo '${listOf(options.liveAfterFailure ?? [])}'; else echo '${listOf(options.live)}'; fi`,
    );
    const lines: string[] = [];
    const session = {
      workspace,
      config: {
        project: "quorum",
        stack: "dev",
        values: { "quorum:context": "kind", "quorum:objects": JSON.stringify(options.objects ?? wanted) },
        secretKeys: [],
      },
      program: join(import.meta.dirname, "fixtures/generic.ts"),
      tools: { kubectl: () => Promise.resolve(kubectl), docker: () => Promise.reject(new Error("no Docker here")) },
      timeoutSeconds: 1,
      log: (line: string) => lines.push(line),
    };
    const settings = {
      program: pulumi,
      workspace,
      stack: { stack: "dev", env: secret },
      session: () => Promise.resolve(session),
      log: session.log,
    };
    const cli = await openPulumi(settings);
    const read = (name: string) => readFileSync(join(workspace.stateDir, name), "utf8");
    return { cli, lines, read, calls: () => read("calls").trim().split("\n"), workspace };
  }

  const listOf = (items: object[]) => JSON.stringify({ kind: "List", items });
  const wanted = [
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "here", namespace: "apps" } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "new", namespace: "apps" } },
  ];
  const inventory = object("ConfigMap", "quorum-inventory-dev", { namespace: "quorum-system" });
  const here = object("ConfigMap", "here", { namespace: "apps" });

  test("makes the stack, sets its secrets without showing them, and keeps the kubeconfig", async () => {
    const { cli, calls, read, workspace } = await openOn({ exports: [full, full], live: [] });
    expect(await cli.up()).toEqual({ urls: { app: "u" } });
    expect(calls()).toEqual([
      "stack init dev --no-select --non-interactive|",
      "config set --secret --path quorum:token --stack dev --non-interactive|",
      "stack export --show-secrets --stack dev --non-interactive|",
      "up --yes --skip-preview --stack dev --non-interactive|",
      "stack export --show-secrets --stack dev --non-interactive|",
      "stack output --json --stack dev --non-interactive|",
    ]);
    expect(read("secret")).toBe("hush");
    expect(read("dev.kubeconfig")).toBe("apiVersion: v1\nkind: Config\n");
    expect(statSync(join(workspace.stateDir, "dev.kubeconfig")).mode & 0o777).toBe(0o600);
  });

  test("imports what the direct engine made into an empty state, and takes its inventory away afterwards", async () => {
    const { cli, calls, read, lines, workspace } = await openOn({
      exports: ["{}", full, full],
      live: [inventory, here],
    });
    await cli.up();
    expect(calls().some((line) => line.startsWith("stack import --file"))).toBe(true);
    expect(lines[0]).toMatch(/the direct engine made this stack: 1 resource imported/);
    const imported = JSON.parse(read("imported")) as { resources: { logicalName: string; id?: string }[] };
    expect(imported.resources.map(({ logicalName, id }) => [logicalName, id])).toEqual([
      ["configmap-here", "apps/here"],
    ]);
    expect(calls().find((line) => line.startsWith("import"))).toMatch(
      /--yes --skip-preview --protect=false --generate-code=false --stack dev/,
    );
    expect(calls().filter((line) => line.startsWith("up"))).toEqual([
      "up --yes --skip-preview --stack dev --non-interactive|true",
      // So that the state says nothing of the takeover: it would be a change to the next preview.
      "up --yes --skip-preview --stack dev --non-interactive|",
    ]);
    expect(read("kubectl")).toMatch(/--kubeconfig .*dev\.kubeconfig .*delete -f -/);
    expect(existsSync(join(workspace.stateDir, "dev.import.json"))).toBe(false);
  });

  test("goes on when the import fails: the objects are taken over one by one", async () => {
    const { cli, calls, lines } = await openOn({ exports: ["{}", full], live: [inventory, here], importFails: true });
    await cli.up();
    expect(lines.join("\n")).toContain("the import failed (error: no such provider)");
    expect(calls().some((line) => line.startsWith("up ") && line.endsWith("|true"))).toBe(true);
  });

  describe("where a stack was before that left something", () => {
    const kept = (name: string) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: "apps" },
      options: { retainOnDelete: true },
    });
    const of = (stack: string, name: string) =>
      object("ConfigMap", name, { namespace: "apps", metadata: { labels: { "quorum.dev/stack": stack } } });

    test("imports what it left, and nothing else that is there", async () => {
      const { cli, calls, read, lines } = await openOn({
        exports: ["{}", full, full],
        objects: [...wanted, kept("left"), kept("taken")],
        live: [of("dev", "left"), of("other", "taken"), of("dev", "here")],
      });
      await cli.up();
      const imported = JSON.parse(read("imported")) as { resources: { logicalName: string }[] };
      expect(imported.resources.map(({ logicalName }) => logicalName)).toEqual(["configmap-left"]);
      expect(lines[0]).toMatch(/the stack left 1 object in the cluster when it was taken away: imported/);
      // What somebody else has made is not taken over.
      expect(calls().find((line) => line.startsWith("up"))).toBe(
        "up --yes --skip-preview --stack dev --non-interactive|",
      );
    });

    test("imports nothing where it left nothing", async () => {
      const { cli, calls } = await openOn({ exports: ["{}", full, full], objects: [kept("left")], live: [] });
      await cli.up();
      expect(calls().some((line) => line.startsWith("import"))).toBe(false);
    });
  });

  test("refreshes a state that the direct engine has overtaken", async () => {
    const { cli, calls } = await openOn({ exports: [full, full], live: [inventory] });
    await cli.up();
    expect(calls().find((line) => line.startsWith("up"))).toBe(
      "up --yes --skip-preview --refresh --stack dev --non-interactive|true",
    );
  });

  test("a workload that asks for it goes back when up fails, and up's own failure is told with it", async () => {
    const web = (image: string, ready: number) =>
      object("Deployment", "web", {
        apiVersion: "apps/v1",
        namespace: "apps",
        metadata: { annotations: { "quorum.dev/rollback": "true" } },
        spec: { replicas: 1, template: { spec: { containers: [{ image }] } } },
        status: { replicas: 1, updatedReplicas: 1, availableReplicas: ready },
        // The fake answers every question with it, the one for events too.
        involvedObject: {},
      });
    const { cli, read, lines } = await openOn({
      exports: [full],
      live: [web("i:good", 1)],
      liveAfterFailure: [web("i:bad", 0)],
    });
    await expect(cli.up()).rejects.toThrow(
      /^pulumi up ended with exit code 255[^]*0 of 1 replicas available[^]*apps\/web is back at its last good template \(image i:good\)/,
    );
    expect(lines.at(-1)).toMatch(/apps\/web goes back to its last good template/);
    expect(read("kubectl")).toMatch(/replace --validate=ignore --field-manager=pulumi-kubernetes -o json -f -/);
    const { items } = JSON.parse(read("replaced")) as { items: { spec: object }[] };
    expect(items.map(({ spec }) => spec)).toEqual([
      { replicas: 1, template: { spec: { containers: [{ image: "i:good" }] } } },
    ]);
  });

  test("down leaves what is protected; preview can speak to programs", async () => {
    const { cli, calls } = await openOn({ exports: [], live: [] });
    await cli.preview(true);
    await cli.down();
    expect(calls().slice(2)).toEqual([
      "preview --json --stack dev --non-interactive|",
      "destroy --yes --skip-preview --exclude-protected --stack dev --non-interactive|",
    ]);
  });
});

describe("the state after an import", () => {
  const noted = { spec: { clusterIP: "10.96.0.9" } };
  const resource = (urn: string) => ({ urn, inputs: noted, outputs: { __inputs: noted, status: {} } });
  const exported = JSON.stringify({
    version: 3,
    deployment: {
      manifest: {},
      resources: [resource("urn:a"), resource("urn:b"), resource("urn:c"), { urn: "urn:d" }],
    },
  });

  test("has the program's own inputs, so that no default of the cluster's makes an object look changed", () => {
    const inputs = { spec: { ports: [{ port: 80 }] } };
    const state = withProgramInputs(exported, [
      registration({ urn: "urn:a", inputs }),
      registration({ urn: "urn:b", inputs: { spec: { image: unknown } } }),
      registration({ urn: "urn:c", inputs, secretPaths: [["spec"]] }),
      registration({ urn: "urn:d", inputs }),
    ]);
    expect(state).toEqual({
      version: 3,
      deployment: {
        manifest: {},
        resources: [
          { urn: "urn:a", inputs, outputs: { __inputs: inputs, status: {} } },
          // Not known yet, and secret: these keep what the import noted.
          resource("urn:b"),
          resource("urn:c"),
          { urn: "urn:d" },
        ],
      },
    });
  });
});
