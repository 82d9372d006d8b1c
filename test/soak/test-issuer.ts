import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { kubectl, tryKubectl } from "../cluster/quorum.ts";

const run = promisify(execFile);
/** The release whose definition of a Certificate is used. */
const certManager = "github.com/cert-manager/cert-manager@v1.18.2";
const resource = "certificates.cert-manager.io";

/** An authority that signs what Certificates ask for. */
export class Authority {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(name: string): Promise<Authority> {
    const authority = new Authority(mkdtempSync(join(tmpdir(), "quorum-authority-")));
    const extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
    await authority.#openssl([
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${name}`, "-keyout", "ca.key", "-out", "ca.crt"],
      ...extensions.flatMap((extension) => ["-addext", extension]),
    ]);
    return authority;
  }

  /** Takes its keys away. */
  forget(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get certificate(): string {
    return readFileSync(join(this.#folder, "ca.crt"), "utf8");
  }

  /** Makes the Secret of a Certificate, or makes it anew. */
  async issue({ metadata: { namespace }, spec }: Certificate, authority = this.certificate): Promise<void> {
    const { secretName, dnsNames, usages } = spec;
    const file = (ending: string) => `${namespace}-${secretName}.${ending}`;
    const uses = { "server auth": "serverAuth", "client auth": "clientAuth" } as Record<string, string>;
    const extended = usages.flatMap((usage) => uses[usage] ?? []);
    writeFileSync(
      join(this.#folder, file("ext")),
      `subjectAltName=${dnsNames.map((name) => `DNS:${name}`).join(",")}\nextendedKeyUsage=${extended.join(",")}\n`,
    );
    await this.#openssl([
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${secretName}`],
      ...["-keyout", file("key"), "-out", file("csr")],
    ]);
    await this.#openssl([
      ...["x509", "-req", "-in", file("csr"), "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "1"],
      ...["-extfile", file("ext"), "-out", file("crt")],
    ]);
    const read = (ending: string) => readFileSync(join(this.#folder, file(ending)), "utf8");
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { name: secretName, namespace },
      stringData: { "tls.crt": read("crt"), "tls.key": read("key"), "ca.crt": authority },
    };
    await kubectl(["apply", "--filename", "-"], stringify(secret));
  }

  async #openssl(args: readonly string[]): Promise<void> {
    await run("openssl", [...args], { cwd: this.#folder });
  }
}

export interface Certificate {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly secretName: string;
    readonly dnsNames: readonly string[];
    readonly usages: readonly string[];
    readonly issuerRef: { readonly kind: string; readonly name: string };
  };
}

/** Has the cluster know Certificates, by the definition that cert-manager itself has, without cert-manager. */
export async function defineCertificates(): Promise<void> {
  const { stdout } = await run("go", ["mod", "download", "-json", certManager], { cwd: tmpdir() });
  const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
  const text = readFileSync(join(folder, "deploy/crds/crd-certificates.yaml"), "utf8");
  // A chart's template, whose expressions are comments but for those of its labels.
  const definition = parse(text) as { metadata: { name: string; labels?: object; annotations?: object } };
  delete definition.metadata.labels;
  delete definition.metadata.annotations;
  await kubectl(["apply", "--server-side", "--filename", "-"], stringify(definition));
  await kubectl(["wait", "--for=condition=Established", "--timeout=60s", `crd/${resource}`]);
}

export async function forgetCertificates(): Promise<void> {
  await kubectl(["delete", "crd", resource, "--ignore-not-found"]);
}

/** The Certificates of some namespaces. */
export async function certificatesOf(namespaces: readonly string[]): Promise<Certificate[]> {
  const { items } = JSON.parse(await kubectl(["get", resource, "--all-namespaces", "--output", "json"])) as {
    items: Certificate[];
  };
  return items.filter(({ metadata }) => namespaces.includes(metadata.namespace));
}

/** Does what cert-manager would, for as long as it is not told to stop. */
export async function playIssuer(
  authority: Authority,
  namespaces: readonly string[],
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    for (const certificate of await certificatesOf(namespaces)) {
      const { metadata, spec } = certificate;
      const there = await tryKubectl(["get", "secret", spec.secretName, "--namespace", metadata.namespace]);
      if (there.code !== 0) await authority.issue(certificate);
    }
    await sleep(500);
  }
}
