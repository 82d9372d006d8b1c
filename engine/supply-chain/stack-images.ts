import type { Config } from "../../config/parse.ts";
import type { Credentials } from "../direct/registry.ts";
import { parseReference } from "../direct/registry.ts";
import { count } from "../words.ts";
import { attach, type Descriptor, Repository } from "./oci.ts";
import { makeSbom, type Sbom, sbomType } from "./sbom.ts";
import { signatureProblem, signImage } from "./signature.ts";

type Log = (line: string) => void;

/** An image of ours, as a stack runs it. */
export interface StackImage {
  /** Key under quorum:images.builds. */
  readonly key: string;
  /** Name without tag and digest. */
  readonly name: string;
  /** Digest that the stack runs, or the tag that its build moves. */
  readonly reference: string;
  readonly context: string;
  readonly repository: Repository;
}

/** Images that a stack builds or names by digest. */
export function stackImages({ images }: Pick<Config, "images">, stack: string): StackImage[] {
  return Object.entries(images.builds).map(([key, { digest, context, credentials }]) => {
    const name = `${images.registry}/quorum/${key}`;
    return { key, name, reference: digest ?? stack, context, repository: repositoryOf(name, credentials) };
  });
}

export function repositoryOf(name: string, credentials?: Credentials): Repository {
  const { registry, repository } = parseReference(name);
  return new Repository(registry, repository, credentials);
}

/** What was attached to an image. */
export interface Attached {
  readonly digest: string;
  readonly components: number;
  readonly signature: "signed" | "was signed" | "no key";
}

/** Makes an image's SBOM, attaches it, and signs the image where there is a key. */
export async function attachTo(image: StackImage, privateKey: string | undefined): Promise<Attached> {
  const { repository, name, context } = image;
  const subject = await find(image);
  const sbom = await makeSbom({ repository, name, subject }, context);
  await attach(repository, subject, sbomType, Buffer.from(JSON.stringify(sbom)), {
    "org.opencontainers.image.title": `${image.key}.cdx.json`,
  });
  const signature = privateKey === undefined ? "no key" : await signImage(repository, name, subject.digest, privateKey);
  return { digest: subject.digest, components: sbom.components.length, signature };
}

/** The SBOM that is attached to an image; undefined without one. */
export async function readSbom(repository: Repository, digest: string): Promise<Sbom | undefined> {
  const referrers = await repository.referrers(digest);
  const found = referrers.find(({ artifactType }) => artifactType === sbomType);
  const layer = found && (await repository.manifest(found.digest))?.manifest.layers?.[0];
  return layer && (JSON.parse((await repository.blob(layer.digest)).toString("utf8")) as Sbom);
}

/** What is wrong with a stack's images: a signature where a key is configured, and an SBOM of each. */
export async function imageProblems(config: Config, stack: string, log: Log): Promise<string[]> {
  const publicKey = config.security.signatures?.publicKey;
  const problems: string[] = [];
  for (const image of stackImages(config, stack)) {
    const { digest } = await find(image);
    const key = `quorum:images.builds.${image.key}`;
    const sbom = await readSbom(image.repository, digest);
    if (sbom === undefined)
      problems.push(`${key} is ${digest}, which has no SBOM; attach one with: npm run supply-chain -- attach`);
    else log(`${image.name}@${digest}: SBOM of ${count(sbom.components.length, "component")}`);
    if (publicKey === undefined) continue;
    const wrong = await signatureProblem(image.repository, image.name, digest, publicKey);
    if (wrong !== undefined)
      problems.push(`${key} is ${digest}, which ${wrong}; sign it with: npm run supply-chain -- attach --key FILE`);
    else log(`${image.name}@${digest}: signature is right`);
  }
  return problems;
}

/**
 * Before `up` of images that were built elsewhere: where a key is configured, each must be signed by it. What `up` builds itself
 * is signed after the build.
 *
 * @throws naming every image that is not
 */
export async function refuseUnsigned(config: Config, stack: string, log: Log): Promise<void> {
  const publicKey = config.security.signatures?.publicKey;
  if (publicKey === undefined) return;
  const problems: string[] = [];
  for (const { key, name, reference, repository } of stackImages(config, stack)) {
    if (!reference.startsWith("sha256:")) continue;
    const wrong = await signatureProblem(repository, name, reference, publicKey);
    if (wrong === undefined) log(`${name}@${reference}: signature is right`);
    else problems.push(`  quorum:images.builds.${key}.digest is ${reference}, which ${wrong}`);
  }
  if (problems.length === 0) return;
  throw new Error(
    `images are not signed by the key of quorum:security.signatures, so nothing was changed; sign them with npm run supply-chain -- attach --key FILE, or set digests of images that are:\n${problems.join("\n")}`,
  );
}

async function find({ key, name, reference, repository }: StackImage): Promise<Descriptor> {
  const found = await repository.manifest(reference);
  if (found !== undefined) return found.descriptor;
  throw new Error(
    `quorum:images.builds.${key} is ${name} at ${reference}, which the registry does not have; push it, for example by npm run up`,
  );
}
