import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { render } from "../../engine/direct/render.ts";
import { buildLibrary, importedPackages } from "../../engine/library/build.ts";
import { runProcess } from "../../engine/process.ts";

const root = join(import.meta.dirname, "../..");
let folder: string;
let installed: string;

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const readJson = <Value>(...path: string[]) => JSON.parse(readFileSync(join(...path), "utf8")) as Value;

/** The example in a folder of its own, with the packed library and nothing else but what that says it needs. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "library-"));
  const dist = join(folder, "dist");
  await buildLibrary(root, dist);
  const packed = await runProcess("npm", ["pack", dist, "--pack-destination", folder, "--offline", "--silent"], {
    cwd: folder,
  });
  const shop = join(folder, "shop");
  cpSync(join(root, "examples", "shop"), shop, { recursive: true });
  installed = join(shop, "node_modules", "quorum");
  mkdirSync(installed, { recursive: true });
  const archive = join(folder, packed.stdout.trim());
  expect((await runProcess("tar", ["-xzf", archive, "-C", installed, "--strip-components=1"])).code).toBe(0);
  const { dependencies, peerDependencies } = readJson<Manifest>(installed, "package.json");
  for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
    mkdirSync(dirname(join(shop, "node_modules", name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(shop, "node_modules", name));
  }
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("is compiled, and holds what its components load", () => {
  expect(readdirSync(installed).sort()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "components",
    "data",
    "package.json",
  ]);
  expect(
    readdirSync(join(installed, "components")).filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts")),
  ).toEqual([]);
});

it("names every package that it imports, Pulumi's as peers, in the versions that are tested here", () => {
  const { dependencies, peerDependencies } = readJson<Manifest>(installed, "package.json");
  const tested = readJson<Manifest>(root, "package.json").dependencies;
  expect(Object.keys({ ...dependencies, ...peerDependencies }).sort()).toEqual(importedPackages(installed));
  expect(Object.keys(peerDependencies)).toEqual(
    Object.keys(peerDependencies).filter((name) => name.startsWith("@pulumi/")),
  );
  expect(peerDependencies["@pulumi/pulumi"]).toBe(`^${tested["@pulumi/pulumi"] ?? ""}`);
  for (const [name, version] of Object.entries(dependencies)) expect(version).toBe(tested[name]);
});

it("the example names the versions of this checkout", () => {
  const { dependencies } = readJson<Manifest>(root, "examples", "shop", "package.json");
  const tested = readJson<Manifest>(root, "package.json").dependencies;
  for (const [name, version] of Object.entries(dependencies)) if (name !== "quorum") expect(version).toBe(tested[name]);
});

it("the example compiles against its types, and renders", async () => {
  const shop = join(folder, "shop");
  const compiled = await runProcess(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), "-p", shop, "--skipLibCheck"],
    { cwd: shop },
  );
  expect(compiled.stdout).toBe("");
  const out = join(folder, "out");
  const config = { project: "shop", stack: "test", values: {}, secretKeys: [] };
  await render({ config, program: join(shop, "index.js"), log: () => undefined }, out);
  const objects = readdirSync(out)
    .filter((name) => name.endsWith(".yaml"))
    .map(
      (name) =>
        parse(readFileSync(join(out, name), "utf8")) as { kind: string; metadata: { name: string }; data?: object },
    );
  const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  expect(names).toEqual(
    expect.arrayContaining([
      "Namespace shop",
      "Deployment shop",
      "HorizontalPodAutoscaler shop",
      "StatefulSet cache",
      "CronJob stock",
    ]),
  );
  expect(objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "notes")?.data).toEqual({
    topology: "3 members: quorum 2, 1 may fail",
  });
});
