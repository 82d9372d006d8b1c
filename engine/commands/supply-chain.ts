import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fromHome } from "../../config/home-path.ts";
import { loadStack, workspace } from "../load-stack.ts";
import { type Options, readOptions } from "../options.ts";
import { attachTo, imageProblems, stackImages } from "../supply-chain/stack-images.ts";
import { count } from "../words.ts";
import { say } from "./common.ts";

/** Where the signing key may be named, so that it stands on no command line of a pipeline. */
export const signingKeyVariable = "QUORUM_SIGNING_KEY_FILE";

const tasks: Readonly<Record<string, (argv: string[]) => Promise<number>>> = { attach, verify, keygen };

/** `npm run supply-chain`: what images are made of, and who says so. */
export async function supplyChain([name, ...argv]: string[]): Promise<number> {
  const task = name === undefined ? undefined : tasks[name];
  if (task === undefined)
    throw new Error(`supply-chain is given "${name ?? ""}", but it takes attach, verify or keygen; name one of them`);
  return task(argv);
}

async function attach(argv: string[]): Promise<number> {
  const options = readOptions("supply-chain attach", argv, ["stack", "config-file", "key"]);
  const config = readConfig(options);
  const key = signingKey(options.key);
  for (const image of stackImages(config, options.stack)) {
    const context = resolve(workspace.root, image.context);
    const { digest, components, signature } = await attachTo({ ...image, context }, key);
    say(`${image.name}@${digest}: SBOM of ${count(components, "component")} attached, ${signature}`);
  }
  return 0;
}

async function verify(argv: string[]): Promise<number> {
  const options = readOptions("supply-chain verify", argv, ["stack", "config-file"]);
  const problems = await imageProblems(readConfig(options), options.stack, say);
  for (const problem of problems) say(problem);
  return problems.length === 0 ? 0 : 1;
}

/** A key pair for a pipeline: the private half to a file that its owner alone reads, the public one to print. */
function keygen(argv: string[]): Promise<number> {
  const { key } = readOptions("supply-chain keygen", argv, ["key"]);
  if (key === undefined) throw new Error("keygen needs --key FILE, where the private key is written to");
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600, flag: "wx" });
  say(`${key} holds the private key; keep it out of the repository. quorum:security.signatures.publicKey:`);
  say(publicKey.export({ type: "spki", format: "pem" }).toString().trimEnd());
  return Promise.resolve(0);
}

/** The key to sign by, where one is configured. @throws when a file is named that is not there */
export function signingKey(given: string | undefined): string | undefined {
  const named = given ?? process.env[signingKeyVariable];
  if (named === undefined || named === "") return undefined;
  const file = resolve(fromHome(named));
  if (existsSync(file)) return readFileSync(file, "utf8");
  throw new Error(
    `the signing key is ${file}, but there is no such file; name another by --key or ${signingKeyVariable}`,
  );
}

/** Secrets are read only where a registry wants them: credentials may be among them. */
function readConfig({ stack, configFile }: Options) {
  const asked = loadStack(stack, { configFile });
  const withCredentials = Object.values(asked.images.builds).some(({ credentials }) => credentials !== undefined);
  return withCredentials ? loadStack(stack, { configFile, secrets: "required" }) : asked;
}
