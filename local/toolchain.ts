import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDir, ensureDir, root } from "./paths.ts";
import { type ModulePatch, patchedModFile, patchFiles } from "./module-patch.ts";
import { findProgram } from "./packages.ts";
import { run } from "./run.ts";
import { madeOnce, twoAtATime } from "./side-by-side.ts";

/** What the parts of Istio call themselves, with the commit; `data/images.yaml` names the same release. */
export const istioRelease = "1.31.0";

/**
 * A part is a Go module under `local/toolchain/<part>/`: its go.mod pins the release and what it is built with.
 *
 * That is what it was released with for Kubernetes and etcd. Others take what they have in common with Kubernetes (its
 * libraries, gRPC, protobuf, golang.org/x) in the versions of `local/toolchain/kubernetes/go.mod`, so that each package is
 * compiled once: else half of what a first `npm test` compiles is there several times. Where a release asks for a newer
 * one, its go.mod excludes that, as a `replace` would give the package another identity.
 */
interface Part {
  /** The module whose version is the part's version. */
  readonly module: string;
  /** Its folder under `local/toolchain/`, where parts of one release share it. @default the part's name */
  readonly folder?: string;
  /** Binary name → package. */
  readonly binaries: Record<string, string>;
  readonly tags?: string;
  /** Linker flags that give the binary its version. */
  readonly versionFlags?: (version: string) => string;
  /** Go files of a program of our own beside its go.mod. */
  readonly sources?: readonly string[];
  /** Modules that are built with some files of theirs replaced or edited. */
  readonly patches?: readonly ModulePatch[];
}

const kubernetesCommands = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "kubeadm",
  "kubectl",
  "kubelet",
];

const kubernetes = {
  module: "k8s.io/kubernetes",
  binaries: Object.fromEntries(kubernetesCommands.map((name) => [name, `k8s.io/kubernetes/cmd/${name}`])),
  versionFlags: (version) => {
    const [major, minor] = version.slice(1).split(".");
    const variable = "k8s.io/component-base/version";
    return `-X ${variable}.gitVersion=${version} -X ${variable}.gitMajor=${major} -X ${variable}.gitMinor=${minor} -X ${variable}.gitTreeState=clean`;
  },
} satisfies Part;

const etcd = {
  module: "go.etcd.io/etcd/server/v3",
  binaries: {
    etcd: "go.etcd.io/etcd/server/v3",
    etcdctl: "go.etcd.io/etcd/etcdctl/v3",
    etcdutl: "go.etcd.io/etcd/etcdutl/v3",
  },
} satisfies Part;

/** A build of the release's branch: the module proxy serves no commit that carries the release's own tag. */
const istioVersionFlags = (version: string) => {
  const revision = version.slice(version.lastIndexOf("-") + 1);
  const variable = "istio.io/istio/pkg/version";
  return `-X ${variable}.buildVersion=${istioRelease}-${revision} -X ${variable}.buildTag=${istioRelease} -X ${variable}.buildGitRevision=${revision} -X ${variable}.buildStatus=Clean`;
};

export const parts = {
  kubernetes,
  etcd,
  // A program of its own: the parts of the release that clusters use.
  coredns: {
    module: "github.com/coredns/coredns",
    binaries: { coredns: "quorum.dev/toolchain/coredns" },
    sources: ["main.go"],
  },
  // The minor before, with what its kubeadm names: hosts that an upgrade is proved on begin with it.
  "kubernetes-previous": kubernetes,
  "etcd-previous": etcd,
  "coredns-previous": { module: "github.com/coredns/coredns", binaries: { coredns: "github.com/coredns/coredns" } },
  // A program of its own: what keeps images in a folder.
  registry: {
    module: "github.com/distribution/distribution/v3",
    binaries: { registry: "quorum.dev/toolchain/registry" },
    sources: ["main.go"],
    versionFlags: (version) => `-X github.com/distribution/distribution/v3/version.version=${version}`,
  },
  prometheus: {
    module: "github.com/prometheus/prometheus",
    binaries: {
      prometheus: "github.com/prometheus/prometheus/cmd/prometheus",
      promtool: "github.com/prometheus/prometheus/cmd/promtool",
    },
    // The module's v0.305.0 is the release 3.5.0.
    versionFlags: (version) =>
      `-X github.com/prometheus/common/version.Version=${version.replace(/^v0\.(\d)0?(\d+)/, "$1.$2")}`,
    // As released, but for service discovery in clouds: half of what is compiled. Prometheus' own way to leave some out.
    // The edit is for the Kubernetes libraries that it is built with, which are newer than the release's.
    patches: [
      {
        module: "github.com/prometheus/prometheus",
        files: { "plugins/plugins.go": "fewer-plugins.go.txt" },
        edits: {
          "discovery/kubernetes/kubernetes.go": [
            "cache.DefaultWatchErrorHandler(r, err)",
            "cache.DefaultWatchErrorHandler(context.Background(), r, err)",
          ],
        },
      },
    ],
  },
  alertmanager: {
    module: "github.com/prometheus/alertmanager",
    binaries: {
      alertmanager: "github.com/prometheus/alertmanager/cmd/alertmanager",
      amtool: "github.com/prometheus/alertmanager/cmd/amtool",
    },
    versionFlags: (version) => `-X github.com/prometheus/common/version.Version=${version.slice(1)}`,
  },
  "metrics-server": {
    module: "sigs.k8s.io/metrics-server",
    binaries: { "metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server" },
    versionFlags: (version) => `-X k8s.io/client-go/pkg/version.gitVersion=${version}`,
  },
  "node-exporter": {
    module: "github.com/prometheus/node_exporter",
    binaries: { node_exporter: "github.com/prometheus/node_exporter" },
    versionFlags: (version) => `-X github.com/prometheus/common/version.Version=${version.slice(1)}`,
  },
  "local-path-provisioner": {
    module: "github.com/rancher/local-path-provisioner",
    binaries: { "local-path-provisioner": "github.com/rancher/local-path-provisioner" },
    versionFlags: (version) => `-X main.VERSION=${version}`,
  },
  traefik: {
    module: "github.com/traefik/traefik/v3",
    binaries: { traefik: "github.com/traefik/traefik/v3/cmd/traefik" },
    versionFlags: (version) => `-X github.com/traefik/traefik/v3/pkg/version.Version=${version.slice(1)}`,
    // As released, but for ACME's challenges over DNS: several of their providers' libraries are served by no module proxy.
    // Its go.mod also takes a stand-in for a package of its own that is served by none, and an older fork of go-http-auth.
    patches: [
      {
        module: "github.com/go-acme/lego/v5",
        files: { "providers/dns/zz_gen_dns_providers.go": "no-dns-providers.go.txt" },
      },
    ],
  },
  "oauth2-proxy": {
    module: "github.com/oauth2-proxy/oauth2-proxy/v7",
    binaries: { "oauth2-proxy": "github.com/oauth2-proxy/oauth2-proxy/v7" },
    versionFlags: (version) => `-X github.com/oauth2-proxy/oauth2-proxy/v7/pkg/version.VERSION=${version}`,
  },
  loki: {
    module: "github.com/grafana/loki/v3",
    binaries: { loki: "github.com/grafana/loki/v3/cmd/loki" },
    versionFlags: (version) => `-X github.com/grafana/loki/v3/pkg/util/build.Version=${version.slice(1)}`,
    // As released, but for one of the two stores of requests to delete.
    patches: [
      {
        module: "github.com/grafana/loki/v3",
        files: { "pkg/compactor/deletion/delete_requests_store_sqlite.go": "no-sqlite.go.txt" },
        edits: {
          "pkg/compactor/deletion/delete_requests_db_sqlite.go": [
            "package deletion",
            "//go:build ignore\n\npackage deletion",
          ],
        },
      },
    ],
  },
  // A program of its own: the parts of the release that the log agent's configuration names.
  "opentelemetry-collector-agent": {
    module: "go.opentelemetry.io/collector/otelcol",
    binaries: { "otelcol-contrib": "quorum.dev/toolchain/opentelemetry-collector-agent" },
    sources: ["main.go"],
    versionFlags: (version) => `-X main.version=${version.slice(1)}`,
    // For the Kubernetes libraries that it is built with, which are newer than the release's.
    patches: [
      {
        module: "github.com/open-telemetry/opentelemetry-collector-contrib/processor/k8sattributesprocessor",
        files: { "internal/kube/fake_informer.go": "informer-of-nothing.go.txt" },
      },
    ],
  },
  // Likewise, of the release that has the exporter to Zipkin.
  "opentelemetry-collector-gateway": {
    module: "go.opentelemetry.io/collector/otelcol",
    binaries: { "otelcol-contrib": "quorum.dev/toolchain/opentelemetry-collector-gateway" },
    sources: ["main.go"],
    versionFlags: (version) => `-X main.version=${version.slice(1)}`,
  },
  istiod: {
    module: "istio.io/istio",
    folder: "istio",
    binaries: { "pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery" },
    tags: "vtprotobuf,disable_pgv",
    versionFlags: istioVersionFlags,
  },
  // With the tags of the release: without them each sidecar's agent carries what only istiod needs.
  "istio-agent": {
    module: "istio.io/istio",
    folder: "istio",
    binaries: {
      "pilot-agent": "istio.io/istio/pilot/cmd/pilot-agent",
      "install-cni": "istio.io/istio/cni/cmd/install-cni",
      "istio-cni": "istio.io/istio/cni/cmd/istio-cni",
    },
    tags: "agent,disable_pgv,grpcnotrace,retrynotrace",
    versionFlags: istioVersionFlags,
  },
  istioctl: {
    module: "istio.io/istio",
    folder: "istio",
    binaries: { istioctl: "istio.io/istio/istioctl/cmd/istioctl" },
    tags: "vtprotobuf,disable_pgv",
    versionFlags: istioVersionFlags,
  },
  actionlint: {
    module: "github.com/rhysd/actionlint",
    binaries: { actionlint: "github.com/rhysd/actionlint/cmd/actionlint" },
    versionFlags: (version) => `-X github.com/rhysd/actionlint.version=${version.slice(1)}`,
  },
  gitleaks: {
    module: "github.com/zricethezav/gitleaks/v8",
    binaries: { gitleaks: "github.com/zricethezav/gitleaks/v8" },
    versionFlags: (version) => `-X github.com/zricethezav/gitleaks/v8/version.Version=${version.slice(1)}`,
  },
  kubeconform: {
    module: "github.com/yannh/kubeconform",
    binaries: { kubeconform: "github.com/yannh/kubeconform/cmd/kubeconform" },
  },
  cyclonus: {
    module: "github.com/mattfenwick/cyclonus",
    binaries: { cyclonus: "github.com/mattfenwick/cyclonus/cmd/cyclonus" },
    versionFlags: (version) => `-X github.com/mattfenwick/cyclonus/pkg/cli.version=${version}`,
  },
  "kube-score": {
    module: "github.com/zegl/kube-score",
    binaries: { "kube-score": "github.com/zegl/kube-score/cmd/kube-score" },
    versionFlags: (version) => `-X main.version=${version}`,
    // For those libraries: two old versions of a kind are in them no more (renders have none), and labels have a method more.
    patches: [
      {
        module: "github.com/zegl/kube-score",
        files: {},
        edits: {
          ...Object.fromEntries(
            ["parser/parse.go", "parser/internal/hpa.go"].map((file) => [
              file,
              [
                'autoscalingv2beta1 "k8s.io/api/autoscaling/v2beta1"\n\tautoscalingv2beta2 "k8s.io/api/autoscaling/v2beta2"',
                'autoscalingv2beta1 "k8s.io/api/autoscaling/v2"\n\tautoscalingv2beta2 "k8s.io/api/autoscaling/v2"',
              ],
            ]),
          ),
          "score/internal/labelselector.go": [
            "func (l MapLabels) Get(key string) string {",
            "func (l MapLabels) Lookup(key string) (string, bool) {\n\tvalue, ok := l[key]\n\treturn value, ok\n}\n\nfunc (l MapLabels) Get(key string) string {",
          ],
        },
      },
    ],
  },
  // An object store, for the tests of what is kept in one.
  versitygw: {
    module: "github.com/versity/versitygw",
    binaries: { versitygw: "github.com/versity/versitygw/cmd/versitygw" },
    versionFlags: (version) => `-X main.Version=${version}`,
  },
  helm: {
    module: "helm.sh/helm/v3",
    binaries: { helm: "helm.sh/helm/v3/cmd/helm" },
    versionFlags: (version) => `-X helm.sh/helm/v3/internal/version.version=${version}`,
  },
} satisfies Record<string, Part>;

export type PartName = keyof typeof parts;

/** Where the part's go.mod is. */
export const partFolder = (name: PartName) => {
  const part: Part = parts[name];
  return join(root, "local", "toolchain", part.folder ?? name);
};

/** The part's version, read from its go.mod. */
export function partVersion(name: PartName): string {
  const { module } = parts[name];
  const text = readFileSync(join(partFolder(name), "go.mod"), "utf8");
  const version = text.match(new RegExp(`^(?:require )?\\s*${module.replaceAll(".", "\\.")} (v\\S+)`, "m"))?.[1];
  if (version === undefined)
    throw new Error(`${partFolder(name)}/go.mod has no requirement of ${module}; add it with its version`);
  return version;
}

function linkerFlags(name: PartName): string {
  const part: Part = parts[name];
  return `-s -w ${part.versionFlags?.(partVersion(name)) ?? ""}`.trim();
}

/** Changes exactly when the part's binaries would: its pins, its flags, the machine's architecture. */
export function partKey(name: PartName): string {
  const part: Part = parts[name];
  const hash = createHash("sha256");
  const files = ["go.mod", "go.sum", ...(part.sources ?? []), ...patchFiles(part.patches ?? [])];
  for (const file of files) hash.update(readFileSync(join(partFolder(name), file)));
  const edits = (part.patches ?? []).flatMap((patch) => (patch.edits === undefined ? [] : [patch.edits]));
  return hash
    .update(JSON.stringify([linkerFlags(name), part.tags, part.binaries, process.arch, ...edits]))
    .digest("hex")
    .slice(0, 16);
}

export const partDir = (name: PartName) => join(cacheDir, "bin", `${name}-${partKey(name)}`);

/** A built binary's path, whether it is there yet or not. */
export const binaryPath = (name: PartName, binary: string) => join(partDir(name), binary);

export const goProgram = () => findProgram("go") ?? "go";

/** Builds the part with the machine's Go unless the cache has it. */
export async function ensurePart(name: PartName, log: (line: string) => void): Promise<void> {
  if (!existsSync(partDir(name))) await madeOnce(partDir(name), () => buildPart(name, log));
}

async function buildPart(name: PartName, log: (line: string) => void): Promise<void> {
  const target = partDir(name);
  const part: Part = parts[name];
  const started = Date.now();
  log(`building ${name} ${partVersion(name)} from its Go module (once; kept in ${cacheDir})`);
  const work = mkdtempSync(join(ensureDir(join(cacheDir, "bin")), `.${name}-`));
  const source = join(cacheDir, "source", `${name}-${partKey(name)}`);
  const ticking = setInterval(
    () => log(`  still building ${name}, ${Math.round((Date.now() - started) / 1000)} s`),
    30_000,
  );
  try {
    const environment = { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -trimpath" };
    const cwd = partFolder(name);
    const logFile = join(ensureDir(join(cacheDir, "logs")), `${name}.log`);
    writeFileSync(logFile, "");
    // The linker leaves debug information out, so the compiler need not make it: a tenth of its work.
    const common = [
      "build",
      "-gcflags=all=-dwarf=false",
      "-ldflags",
      linkerFlags(name),
      ...(part.tags === undefined ? [] : ["-tags", part.tags]),
    ];
    if (part.patches !== undefined) {
      common.push(`-modfile=${await patchedModFile(goProgram(), cwd, part.patches, ensureDir(source))}`);
    }
    const packages = Object.entries(part.binaries);
    // Packages that share most of their code are compiled in one go; the last path element names the file.
    if (packages.every(([binary, path]) => path.endsWith(`/${binary}`))) {
      await run(goProgram(), [...common, "-o", `${work}/`, ...packages.map(([, path]) => path)], {
        cwd,
        env: environment,
        logFile,
      });
    } else {
      for (const [binary, path] of packages) {
        await run(goProgram(), [...common, "-o", join(work, binary), path], { cwd, env: environment, logFile });
      }
    }
    renameSync(work, target);
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    throw error;
  } finally {
    clearInterval(ticking);
    rmSync(source, { recursive: true, force: true });
  }
  log(`  ${name} built in ${Math.round((Date.now() - started) / 1000)} s`);
}

/** Builds the parts that the cache lacks. */
export async function ensureParts(names: readonly PartName[], log: (line: string) => void): Promise<void> {
  await twoAtATime(names, (name) => ensurePart(name, log));
}
