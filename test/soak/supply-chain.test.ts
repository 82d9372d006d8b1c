import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Repository } from "../../engine/supply-chain/oci.ts";
import { readSbom } from "../../engine/supply-chain/stack-images.ts";
import { editedDev, quorum, setPath, succeed } from "../cluster/quorum.ts";

/** The app's image under a name of its own, so that what is attached and signed here is nobody else's. */
const registry = "localhost:5000/supply-chain-story";
const copy = new Repository("localhost:5000", "supply-chain-story/quorum/app");
const folder = mkdtempSync(join(tmpdir(), "quorum-supply-chain-"));
const key = join(folder, "signing.pem");
let digest = "";

const stack = (publicKey?: string) =>
  editedDev("supply-chain", (config) => {
    setPath(config, ["quorum:images", "registry"], registry);
    setPath(config, ["quorum:images", "builds", "app", "digest"], digest);
    if (publicKey !== undefined) setPath(config, ["quorum:security", "signatures"], { publicKey });
  });

beforeAll(async () => {
  const from = new Repository("localhost:5000", "quorum/app");
  const image = await from.manifest("dev");
  if (image === undefined) throw new Error("stack dev has no image; run npm start");
  for (const part of [image.manifest.config, ...(image.manifest.layers ?? [])]) {
    if (part !== undefined) await copy.putBlob(part.mediaType, await from.blob(part.digest));
  }
  digest = (await copy.putManifest(image.manifest, "dev")).digest;
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("an image says what it is made of, and who made it", async () => {
  const { stdout } = await succeed(["supply-chain", "keygen", "--key", key]);
  const publicKey = stdout.slice(stdout.indexOf("-----BEGIN"));
  expect(readFileSync(key, "utf8")).toContain("PRIVATE KEY");

  const before = await quorum(["supply-chain", "verify", "--config-file", stack(publicKey)]);
  expect(before.code).toBe(1);
  // The registry outlives the cluster: it may have the signature of a run before, which was by another key.
  expect(before.stdout).toMatch(/has no signature( by the key of \S+)?; sign it with/);

  const attached = await succeed(["supply-chain", "attach", "--config-file", stack(publicKey), "--key", key]);
  expect(attached.stdout).toContain(`${digest}: SBOM of`);
  expect(attached.stdout).toContain("attached, signed");
  const purls = ((await readSbom(copy, digest))?.components ?? []).map(({ purl }) => purl ?? "");
  expect(purls.some((purl) => purl.startsWith("pkg:deb/debian/libc6@"))).toBe(true);
  expect(purls.some((purl) => purl.startsWith("pkg:npm/fastify@"))).toBe(true);

  const after = await succeed(["supply-chain", "verify", "--config-file", stack(publicKey)]);
  expect(after.stdout).toContain("signature is right");
});
