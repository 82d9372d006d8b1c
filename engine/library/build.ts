import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join } from "node:path";
import ts from "typescript";
import { runProcess } from "../process.ts";

interface Package {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** A name of the user's own makes the package one that may be published. */
export interface BuildOptions {
  readonly name?: string | undefined;
}

/**
 * Compiles `components/` into a package of its own, as Node strips no types under `node_modules`.
 *
 * The data that components load lies beside them, as in the checkout. Its package.json is made from the checkout's: what the
 * compiled files import, in the versions that they are tested with; Pulumi's packages as peers, because a program may have each of
 * them only once.
 *
 * @throws with what the compiler says when it fails
 */
export async function buildLibrary(root: string, out: string, options: BuildOptions = {}): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const compiled = await runProcess(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", out], {
    cwd: root,
  });
  if (compiled.code !== 0) throw new Error(`components/ does not compile; mend this first:\n${compiled.stdout}`);
  for (const file of globSync("components/**/*.mjs", { cwd: root })) copy(root, out, file);
  for (const file of globSync("components/**/*.d.mts", { cwd: root })) copy(root, out, file);
  for (const path of ["data", "LICENSE", "CHANGELOG.md"]) copy(root, out, path);
  // The compiler leaves the endings in declarations as they are written.
  for (const file of globSync("components/**/*.d.ts", { cwd: out }))
    writeFileSync(join(out, file), withJsEndings(readFileSync(join(out, file), "utf8")));
  const manifest = packageOf(JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Package, out, options);
  writeFileSync(join(out, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(out, "README.md"), readme(manifest.name));
}

function copy(root: string, out: string, path: string): void {
  if (!existsSync(join(root, path))) throw new Error(`${path} was not found in ${root}; the library needs it`);
  mkdirSync(dirname(join(out, path)), { recursive: true });
  cpSync(join(root, path), join(out, path), { recursive: true });
}

const withJsEndings = (text: string) => text.replaceAll(/((?:from|import\()\s*"\.[^"]*)\.ts"/g, '$1.js"');

/** Packages that the compiled files import. */
export function importedPackages(out: string): string[] {
  const found = new Set<string>();
  for (const file of globSync("components/**/*.{js,mjs,d.ts}", { cwd: out })) {
    const text = readFileSync(join(out, file), "utf8");
    for (const { fileName: name } of ts.preProcessFile(text).importedFiles) {
      if (name.startsWith(".")) continue;
      const [first = "", second = ""] = name.split("/");
      const bare = first.startsWith("@") ? `${first}/${second}` : first;
      if (!name.startsWith("node:") && !builtinModules.includes(bare)) found.add(bare);
    }
  }
  return [...found].sort();
}

function packageOf({ name, version, description, license, dependencies }: Package, out: string, options: BuildOptions) {
  const imported = importedPackages(out);
  const missing = imported.filter((each) => dependencies[each] === undefined);
  if (missing.length > 0)
    throw new Error(
      `components/ imports ${missing.join(", ")}, which package.json does not list under dependencies; add it`,
    );
  const isPeer = (each: string) => each.startsWith("@pulumi/");
  const versions = (names: readonly string[], prefix: string) =>
    Object.fromEntries(names.map((each) => [each, `${prefix}${dependencies[each] ?? ""}`]));
  const entry = (path: string) => ({ types: `./components/${path}.d.ts`, default: `./components/${path}.js` });
  return {
    name: options.name ?? name,
    version,
    ...(options.name === undefined && { private: true }),
    description,
    license,
    type: "module",
    engines: { node: ">=22" },
    exports: { ".": entry("index"), "./*": entry("*") },
    files: ["components", "data", "CHANGELOG.md"],
    dependencies: versions(
      imported.filter((each) => !isPeer(each)),
      "",
    ),
    peerDependencies: versions(imported.filter(isPeer), "^"),
  };
}

const readme = (name: string) => `# ${name}

Components of Kubernetes stacks for Pulumi programs in TypeScript or JavaScript:

    import { Workload } from "${name}";

Compiled from the project's \`components/\`; its docs/library.md says how to use them.
`;
