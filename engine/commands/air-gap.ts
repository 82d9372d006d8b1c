import { join } from "node:path";
import { loadStack, workspace } from "../load-stack.ts";
import { readOptions } from "../options.ts";
import { readStack } from "../stack.ts";
import { count } from "../words.ts";
import { say, stackOptions } from "./common.ts";

/** `npm run bundle`: a stack, its images included, as one file for a site without a way out. */
export async function bundle(argv: string[]): Promise<number> {
  const options = readOptions("bundle", argv, ["stack", "config-file", "context", "out"]);
  const { out } = options;
  if (out === undefined) throw new Error("bundle needs --out FILE, the archive that is written, such as dev.tar");
  const { makeBundle } = await import("../air-gap/bundle.ts");
  const { RegistrySource } = await import("../air-gap/source.ts");
  const { writeTar } = await import("../air-gap/write.ts");
  const asked = { ...stackOptions(options), secrets: "placeholder" as const };
  const sources = new Map<string, InstanceType<typeof RegistrySource>>();
  const source = (host: string) => {
    const known = sources.get(host) ?? new RegistrySource(host);
    sources.set(host, known);
    return known;
  };
  const { entries, images, secrets } = await makeBundle({
    stack: readStack(workspace, asked),
    config: loadStack(options.stack, asked),
    program: join(workspace.root, "index.ts"),
    source,
    log: () => undefined,
  });
  say(`${count(images.length, "image")}:`);
  for (const { named, manifest } of images) say(`  ${named.slice(named.indexOf("/") + 1)}@${manifest.digest}`);
  const size = await writeTar(entries, out);
  say(`${out}: ${count(entries.length, "file")}, ${Math.ceil(size / 2 ** 20)} MiB`);
  if (secrets.length > 0) say(`to be filled in at the site: ${secrets.join(", ")}`);
  say(`there: tar -xf ${out} && ./install.sh REGISTRY`);
  return 0;
}
