import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../config/parse.ts";
import { InputError } from "../../../components/plan/problems.ts";

type Raw = Record<string, unknown>;

const key = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
const good: Raw = {
  images: { registry: "localhost:5000", mirror: "localhost:5000", builds: { app: { context: "app" } } },
  services: { shop: { image: "app", role: "web" } },
  monitoring: { alertmanager: { unattended: true } },
  controlPlane: {
    mode: "kubeadm",
    kubernetesVersion: "1.37.2",
    clusterName: "test",
    hosts: { a: { address: "192.0.2.11" } },
    ssh: { privateKeyFile: "key" },
  },
};
const existing = { controlPlane: { mode: "existing", context: "kind" } };

function problems(more: Raw): string[] {
  try {
    parseConfig({ ...good, ...more });
  } catch (error) {
    if (error instanceof InputError) return error.message.split("\n  ").slice(1);
    throw error;
  }
  return [];
}

const images = (more: Raw) => ({ images: { ...(good["images"] as Raw), ...more } });
const security = (more: Raw) => ({ security: more });
const own =
  "it must begin with a host that has a dot or a port, or is localhost, since any other is a folder of Docker Hub";

describe("security", () => {
  it.each<[string, Raw, string[]]>([
    ["nothing", {}, []],
    [
      "a trusted name that Docker Hub would serve",
      images({ trusted: ["localhost:5000", "team/app"] }),
      [`quorum:images.trusted.1 is "team/app", but ${own}; write it in full`],
    ],
    [
      "a registry that Docker Hub would serve",
      images({ registry: "registry", trusted: ["localhost:5000", "registry"] }),
      [
        `quorum:images.registry is "registry", but ${own}; write it in full`,
        `quorum:images.trusted.1 is "registry", but ${own}; write it in full`,
      ],
    ],
    [
      "a stack that would not trust itself",
      images({ trusted: ["registry.example.com"] }),
      ["quorum:images.trusted is registry.example.com, but the stack itself runs images of localhost:5000; add it"],
    ],
    ["more than is needed in trust", images({ trusted: ["registry.example.com", "localhost:5000"] }), []],
    [
      "a quota below the stack's own need",
      security({ quota: { apps: { pods: 2, memoryMiB: 10_000 } } }),
      [
        "quorum:security.quota.apps.pods is 2, but what this stack itself has there needs 3 pods at most, roll-outs and jobs included; set it to 3 or more, or leave it out",
      ],
    ],
    [
      "a quota below Prometheus' need",
      security({ quota: { monitoring: { storageGiB: 5 } } }),
      [
        "quorum:security.quota.monitoring.storageGiB is 5, but what this stack itself has there needs 22 GiB at most, roll-outs and jobs included; set it to 22 or more, or leave it out",
      ],
    ],
    [
      "a group of Kubernetes itself",
      security({ access: { operators: ["system:masters"] } }),
      [
        'quorum:security.access.operators.0 is "system:masters", but groups of Kubernetes itself are not people; name one of your identity provider',
      ],
    ],
    [
      "a group that is named twice",
      security({ access: { viewers: ["a", "b", "a"] } }),
      ['quorum:security.access.viewers.2 is "a" a second time; leave it out'],
    ],
    [
      "an own namespace that is exempt",
      security({ exemptNamespaces: ["istio-system", "apps", "kube-system"] }),
      [
        'quorum:security.exemptNamespaces.1 is "apps", but admission is there for this stack\'s own namespaces (namespaces.apps); leave it out',
        'quorum:security.exemptNamespaces.2 is "kube-system", which is exempt already; leave it out',
      ],
    ],
    [
      "half a key",
      security({ signatures: { publicKey: key.slice(0, 40) } }),
      [
        'quorum:security.signatures.publicKey has no end, but a key in PEM form ends with "-----END PUBLIC KEY-----"; copy all of its lines',
      ],
    ],
    ["a whole key", security({ signatures: { publicKey: key } }), []],
    [
      "generated secrets with no key, or one twice",
      security({
        generatedSecrets: { a: { keys: [] }, b: { keys: ["x", "y", "x"] }, "quorum-pull": {}, fine: {} },
      }),
      [
        "quorum:security.generatedSecrets.a.keys is empty, but a Secret has one key or more; name one, such as password",
        'quorum:security.generatedSecrets.b.keys has "x" twice; leave one of them out',
        "quorum:security.generatedSecrets.quorum-pull has the name of the Secret by which nodes pull; give it another",
      ],
    ],
  ])("%s", (_, more, expected) => {
    expect(problems(more)).toEqual(expected);
  });

  it("names what generated secrets are made by where that cannot be had", () => {
    const unavailable = images({
      unavailable: ["node"],
      builds: { app: { context: "app", digest: `sha256:${"1".repeat(64)}` } },
    });
    expect(problems({ ...unavailable, ...security({ generatedSecrets: { a: {} } }) })).toEqual([
      "quorum:security.generatedSecrets has a, but they are made by the image node, which images.unavailable names; make them by hand, or provide the image",
    ]);
  });

  it("trusts, unless told otherwise, the registry and the mirror, or what is needed of each publisher", () => {
    expect(parseConfig({ ...good }).images.trusted).toEqual(["localhost:5000"]);
    const { trusted } = parseConfig({ ...good, images: { registry: "registry.example.com" }, services: {} }).images;
    expect(trusted).toContain("registry.example.com");
    expect(trusted).toContain("docker.io/prom/prometheus");
    expect(trusted).not.toContain("docker.io");
  });
});

describe("a shared platform", () => {
  const shared = { platform: "shared" };

  it("takes a stack with namespaces of its own", () => {
    expect(problems({ ...shared, ...existing })).toEqual([]);
  });

  it.each<[string, Raw, string]>([
    ["a cluster", { controlPlane: good["controlPlane"] }, 'quorum:controlPlane.mode is "kubeadm"'],
    ["a StorageClass", { storage: { provisioner: "local-path" } }, 'quorum:storage.provisioner is "local-path"'],
    ["an API", { monitoring: { metricsServer: { enabled: true } } }, "quorum:monitoring.metricsServer.enabled is true"],
    ["an IngressClass", { ingress: { controller: "traefik" } }, 'quorum:ingress.controller is "traefik"'],
    ["a policy", security({ signatures: { publicKey: key } }), "quorum:security.signatures is set"],
    [
      "exemptions",
      security({ exemptNamespaces: ["istio-system"] }),
      "quorum:security.exemptNamespaces is istio-system",
    ],
  ])("is refused %s", (_, more, expected) => {
    const said = problems({ ...shared, ...existing, ...more });
    expect(said.some((line) => line.startsWith(`${expected}, but on a shared platform (quorum:platform)`))).toBe(true);
  });
});

describe("namespaces", () => {
  it.each([
    [
      { monitoring: "apps" },
      'quorum:namespaces.monitoring is "apps", but apps has that name already; set another name',
    ],
    [{ ui: "ingress" }, 'quorum:namespaces.ui is "ingress", but ingress has that name already; set another name'],
    [
      { apps: "quorum-system" },
      'quorum:namespaces.apps is "quorum-system", but it must be a namespace of this stack\'s own, as down takes it away; set another name',
    ],
  ])("%j", (namespaces, expected) => {
    expect(problems({ namespaces })).toEqual([expected]);
  });
});
