import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { makeIdentity } from "../components/control-plane/care/age.mjs";
import { planControlPlane } from "../components/plan/control-plane/control-plane.ts";
import { imageCatalog, parseConfig } from "../config/parse.ts";
import { InputError } from "../components/plan/problems.ts";
import { record } from "./recorder.ts";
import { runnableSections, stackSections } from "./stacks.ts";

type Raw = Record<string, unknown>;

const service = { image: "app", role: "web" };
const host = (last: number) => ({ address: `192.0.2.${last}` });
const kubeadm = {
  mode: "kubeadm",
  kubernetesVersion: "1.37.2",
  clusterName: "test",
  hosts: { a: host(11) },
  ssh: { privateKeyFile: "key" },
};
const good: Raw = {
  images: { registry: "localhost:5000", builds: { app: { context: "app" } } },
  services: { shop: service },
  monitoring: { alertmanager: { unattended: true } },
  controlPlane: kubeadm,
};

function problems(raw: Raw, secretSections: string[] = []): string[] {
  try {
    parseConfig(raw, { secretSections });
  } catch (error) {
    if (error instanceof InputError) return error.message.split("\n  ").slice(1);
    throw error;
  }
  return [];
}

const withService = (more: Raw) => ({ ...good, services: { shop: { ...service, ...more } } });
const withControlPlane = (more: Raw) => ({ ...good, controlPlane: { ...kubeadm, ...more } });
const withImages = (more: Raw) => ({ ...good, images: { ...(good["images"] as Raw), ...more } });

describe("the stack files", () => {
  it.each(["dev", "prod"] as const)("%s is accepted", (stack) => {
    expect(problems(stackSections(stack))).toEqual([]);
  });

  it("dev is small and local", () => {
    const { controlPlane, services, monitoring, storage } = parseConfig(stackSections("dev"));
    expect(controlPlane).toMatchObject({ mode: "kubeadm", local: true });
    expect(services["metricsdemo"]).toMatchObject({ replicas: 2, port: 80, expose: { port: 9376 }, scrape: true });
    expect(monitoring.prometheus).toMatchObject({ replicas: 1, scrapeIntervalSeconds: 5, expose: { port: 9090 } });
    expect(storage).toMatchObject({ provisioner: "local-path", retain: false });
  });

  it("prod is redundant, builds nothing and keeps its data", () => {
    const { controlPlane, services, monitoring, storage, images } = parseConfig(stackSections("prod"));
    expect(controlPlane.mode === "kubeadm" && Object.keys(controlPlane.hosts)).toHaveLength(3);
    expect(Object.values(services).every((one) => (one.replicas ?? 2) >= 3)).toBe(true);
    expect(monitoring.prometheus.replicas).toBe(2);
    expect(storage.retain).toBe(true);
    expect(Object.values(images.builds).every((build) => build.digest !== undefined)).toBe(true);
  });
});

describe("defaults", () => {
  it("are all in place", () => {
    const { images, services, namespaces, storage, monitoring, controlPlane, skipped } = parseConfig(good);
    expect({ builds: images.builds, services, namespaces, storage, monitoring, controlPlane, skipped }).toEqual({
      builds: { app: { context: "app", platform: "linux/amd64", args: {} } },
      services: {
        shop: {
          image: "app",
          kind: "Deployment",
          role: "web",
          port: 8080,
          headless: false,
          calls: [],
          outbound: [],
          scrape: true,
          traces: true,
          type: "business",
          env: {},
          config: {},
          secrets: { env: {}, files: {}, generated: {} },
          volumes: {},
          resources: { cpuMillis: 100, memoryMiB: 128, ephemeralMiB: 256 },
          priority: "standard",
          placement: { nodeSelector: {}, tolerations: [] },
          rollback: false,
          probes: {
            readinessPath: "/health",
            livenessPath: "/api/job/alive/check",
            periodSeconds: 5,
            timeoutSeconds: 1,
            startupSeconds: 60,
          },
          gracePeriodSeconds: 30,
        },
      },
      namespaces: {
        apps: "apps",
        monitoring: "monitoring",
        agents: "monitoring-agents",
        ingress: "ingress",
        registry: "registry",
        ui: "cluster-ui",
        mesh: "istio-system",
        meshAgents: "istio-cni",
      },
      storage: { provisioner: "local-path", path: "/var/lib/quorum/volumes", retain: true },
      monitoring: {
        prometheus: {
          enabled: true,
          replicas: 1,
          retentionDays: 15,
          storageGiB: 10,
          scrapeIntervalSeconds: 15,
          samplesPerTarget: 20_000,
          rules: [],
          cpuMillis: 100,
          memoryMiB: 1024,
          lifecycle: false,
        },
        alertmanager: {
          enabled: true,
          replicas: 1,
          storageGiB: 1,
          receivers: {},
          unattended: true,
          groupWaitSeconds: 30,
          groupIntervalSeconds: 300,
          repeatHours: 12,
          cpuMillis: 20,
          memoryMiB: 64,
        },
        grafana: {
          enabled: true,
          storageGiB: 1,
          dashboards: [],
          anonymousViewers: false,
          cpuMillis: 100,
          memoryMiB: 512,
        },
        kubeStateMetrics: { enabled: true, cpuMillis: 20, memoryMiB: 128 },
        nodeExporter: { enabled: true, cpuMillis: 20, memoryMiB: 64 },
        metricsServer: { enabled: true, kubeletInsecureTls: false },
        loki: { enabled: true, retentionDays: 14, storageGiB: 10, cpuMillis: 100, memoryMiB: 512 },
        collector: {
          gateway: { enabled: true, replicas: 1, cpuMillis: 50, memoryMiB: 192 },
          agent: { enabled: true, cpuMillis: 50, memoryMiB: 160 },
          redact: [],
          samplePercent: 100,
        },
        zipkin: { enabled: true, maxSpans: 50_000, cpuMillis: 100, memoryMiB: 512 },
      },
      controlPlane: {
        ...kubeadm,
        local: false,
        metrics: true,
        goal: "minimal",
        etcd: {
          events: "shared",
          quotaMiB: 2048,
          roundTripMillis: 10,
          maintenance: {
            enabled: true,
            schedule: "41 * * * *",
            timeZone: "Etc/UTC",
            quotaPercent: 80,
            freeMiB: 200,
            dryRun: false,
          },
          drill: { enabled: true, schedule: "47 3 * * *", timeZone: "Etc/UTC", memoryMiB: 1024 },
        },
        hosts: { a: { address: "192.0.2.11", role: "control-plane", kubelet: {} } },
        ssh: { user: "root", port: 22, privateKeyFile: "key" },
        network: { podSubnet: "10.244.0.0/16", serviceSubnet: "10.96.0.0/16", plugin: "routed" },
        kubelet: {},
        kubeProxy: {},
        ignorePreflightErrors: [],
        balancer: { kind: "given" },
        certSans: [],
        encryption: { provider: "secretbox", resources: ["secrets"], keyGeneration: 1 },
        audit: { enabled: true, maxAgeDays: 30, maxBackups: 10, maxSizeMiB: 100 },
        issuers: {},
        apiServer: {},
        flags: { apiServer: {}, controllerManager: {}, scheduler: {}, etcd: {} },
        certificates: { days: 365, authorityDays: 3650 },
      },
      skipped: [],
    });
  });

  it("leave an existing cluster's storage and metrics alone", () => {
    const { storage, monitoring } = parseConfig({ ...good, controlPlane: { mode: "existing", context: "kind-kind" } });
    expect([storage.provisioner, monitoring.metricsServer.enabled]).toEqual(["existing", false]);
  });
});

describe("a bad configuration", () => {
  it("of the hardening is told of by key, all at once", () => {
    const found = problems(
      withControlPlane({
        encryption: { provider: "aesgcm", resources: ["*.*"], keyGeneration: 0 },
        audit: { maxSizeMiB: 0, maxBackups: "ten" },
        issuers: { login: { url: "http://login.example.com", audiences: [], certificateAuthority: "none" } },
        flags: { kubelet: {} },
        certificates: { days: 0 },
        cloudProvider: "AWS",
      }),
    );
    const key = "quorum:controlPlane";
    expect(found.toSorted()).toEqual(
      [
        `${key}.encryption.provider is "aesgcm", but it must be one of secretbox, aescbc, identity; set it to one of them`,
        `${key}.encryption.resources.0 is "*.*", but it must be a kind as resource or resource.group, in lower case; set it, for example to configmaps`,
        `${key}.encryption.keyGeneration is 0, but it must be an integer from 1 to 1000; set it, for example to 2`,
        `${key}.audit.maxSizeMiB is 0, but it must be an integer from 1 to 10240; set it, for example to 100`,
        `${key}.audit.maxBackups is "ten", but it must be an integer from 1 to 1000; set it, for example to 10`,
        `${key}.issuers.login.url is a value not shown here, but it must be an https address without query and fragment; set it, for example to https://login.example.com`,
        `${key}.issuers.login.audiences is a list, but it must be a list of one client's name at least; set it, for example to [kubernetes]`,
        `${key}.issuers.login.certificateAuthority is "none", but it must be certificates in PEM that sign the provider's own; set it, for example to the text between and with the lines BEGIN and END CERTIFICATE`,
        `${key}.flags.kubelet is not a known key, but it must be one of apiServer, controllerManager, scheduler, etcd; remove it`,
        `${key}.certificates.days is 0, but it must be an integer from 1 to 3650; set it, for example to 365`,
        `${key}.cloudProvider is "AWS", but it must be the name of a cloud, in lower case; set it, for example to openstack`,
      ].toSorted(),
    );
  });

  it("about the backup of etcd is told of by key, and a private key given by mistake is not shown", () => {
    const { identity } = makeIdentity();
    const etcd = {
      backup: {
        recipients: [identity],
        store: { s3: { endpoint: "s3.example.com", bucket: "prod" } },
        keep: { last: 0 },
        schedule: "17 * * * *",
      },
      maintenance: { freeMiB: 0 },
    };
    const found = problems(withControlPlane({ etcd }));
    expect(found).toEqual([
      expect.stringMatching(/^quorum:controlPlane\.etcd\.backup\.store\.s3\.endpoint is "s3\.example\.com", but/),
      expect.stringMatching(
        /^quorum:controlPlane\.etcd\.backup\.store\.s3\.accessKeyId is missing, but it must be a secret/,
      ),
      expect.stringMatching(/store\.s3\.secretAccessKey is missing, but it must be a secret/),
      "quorum:controlPlane.etcd.backup.keep.last is 0, but it must be an integer from 1 to 1000; set it, for example to 24",
      "quorum:controlPlane.etcd.maintenance.freeMiB is 0, but it must be an integer from 1 to 8192; set it, for example to 200",
    ]);
    const backup = { recipients: [identity], store: { folder: "/mnt/backups" } };
    const key = problems(withControlPlane({ etcd: { backup } }));
    expect(key).toEqual([expect.stringMatching(/recipients\.0 is the private half of a key/)]);
    expect([...found, ...key].join()).not.toContain(identity.slice(16, 40));
  });

  it.each<[string, Raw, string[]]>([
    [
      "unknown section",
      { ...good, servces: {} },
      [
        "quorum:servces is not a known key, but it must be one of platform, images, services, jobs, namespaces, security, storage, backup, ingress, registry, monitoring, mesh, ui, controlPlane, policy; did you mean services?",
      ],
    ],
    [
      "misspelt key",
      withService({ replicaz: 3 }),
      [
        "quorum:services.shop.replicaz is not a known key, but it must be one of image, kind, role, podManagement, replicas, autoscale, port, expose, servicePort, headless, affinitySeconds, ingress, calls, outbound, exposedTo, scrape, traces, type, env, config, secrets, volumes, resources, versions, canary, route, mesh, protocol, priority, placement, progressSeconds, rollback, probes, gracePeriodSeconds; did you mean replicas?",
      ],
    ],
    [
      "unknown key with nothing near",
      withService({ expose: { port: 80, colour: "red" } }),
      [
        "quorum:services.shop.expose.colour is not a known key, but it must be one of port, hostname, loadBalancerClass, address; remove it",
      ],
    ],
    [
      "wrong type",
      withService({ replicas: "two" }),
      ['quorum:services.shop.replicas is "two", but it must be an integer from 1 to 1000; set it, for example to 2'],
    ],
    [
      "out of range",
      withService({ replicas: 0, port: 70000 }),
      [
        "quorum:services.shop.replicas is 0, but it must be an integer from 1 to 1000; set it, for example to 2",
        "quorum:services.shop.port is 70000, but it must be an integer from 1 to 65535; set it, for example to 80",
      ],
    ],
    [
      "a number where text belongs",
      { ...good, namespaces: { apps: 7 } },
      [
        "quorum:namespaces.apps is 7, but it must be a namespace: a DNS label of at most 63 lower-case letters, digits and hyphens that begins with a letter; set it, for example to apps",
      ],
    ],
    [
      "a list where a mapping belongs",
      { ...good, services: [] },
      ["quorum:services is a list, but it must be a mapping of services, by name; write it as one"],
    ],
    [
      "a service without image",
      { ...good, services: { shop: { role: "web" } } },
      [
        "quorum:services.shop.image is missing, but it must be a name of quorum:images.builds or data/images.yaml, or a full reference with its registry; set it, for example to app",
      ],
    ],
    [
      "an image that is not built",
      withService({ image: "ap" }),
      [
        'quorum:services.shop.image is "ap", but it must be one of quorum:images.builds (app), a name of data/images.yaml or a full reference with registry and tag or digest; add it there or name another',
      ],
    ],
    [
      "an image of a registry that nobody trusts",
      withService({ image: "quay.io/somebody/app:1" }),
      [
        expect.stringMatching(
          /^quorum:services\.shop\.image is "quay\.io\/somebody\/app:1", but images must come from /,
        ),
      ],
    ],
    [
      "names that Kubernetes does not take",
      withService({ env: { "A B": "" }, config: { "../x": "" }, placement: { nodeSelector: { "a/b/c": "x" } } }),
      [
        "quorum:services.shop.env.A B is a name that is not allowed; it must be the name of an environment variable; set it, for example to LOG_LEVEL",
        "quorum:services.shop.config.../x is a name that is not allowed; it must be a file name; set it, for example to app.yaml",
        "quorum:services.shop.placement.nodeSelector.a/b/c is a name that is not allowed; it must be the key of a node label; set it, for example to disktype",
      ],
    ],
    [
      "what a service's other keys contradict",
      withService({ autoscale: { maxReplicas: 4 }, replicas: 2 }),
      [
        "quorum:services.shop.replicas is 2, but autoscale decides how many there are; leave it out, and set autoscale.minReplicas",
      ],
    ],
    [
      "a name that is no DNS label",
      { ...good, services: { My_Shop: service } },
      [
        "quorum:services.My_Shop is a name that is not allowed; it must be a service name: a DNS label of at most 50 lower-case letters, digits and hyphens that begins with a letter; set it, for example to metricsdemo",
      ],
    ],
    [
      "a name that is too long",
      { ...good, services: { ["a".repeat(51)]: service } },
      [
        `quorum:services.${"a".repeat(51)} is a name that is not allowed; it must be a service name: a DNS label of at most 50 lower-case letters, digits and hyphens that begins with a letter; set it, for example to metricsdemo`,
      ],
    ],
    [
      "two services on one port",
      { ...good, services: { a: { ...service, expose: { port: 80 } }, b: { ...service, expose: { port: 80 } } } },
      [
        "quorum:services.b.expose.port is 80, but quorum:services.a.expose has that port already; set another, or a hostname of its own for each",
      ],
    ],
    [
      "a service on Prometheus' port",
      {
        ...withService({ expose: { port: 9090 } }),
        monitoring: { prometheus: { expose: { port: 9090 } }, alertmanager: { unattended: true } },
      },
      [
        "quorum:services.shop.expose.port is 9090, but quorum:monitoring.prometheus.expose has that port already; set another, or a hostname of its own for each",
      ],
    ],
    [
      "a service port beside another exposed one",
      withService({ servicePort: 80, expose: { port: 9376 } }),
      [
        "quorum:services.shop.servicePort is 80, but an exposed service has the port of expose, 9376; leave out servicePort",
      ],
    ],
    [
      "a namespace that is not ours",
      { ...good, namespaces: { apps: "kube-system" } },
      [
        'quorum:namespaces.apps is "kube-system", but it must be a namespace of this stack\'s own, as down takes it away; set another name',
      ],
    ],
    [
      "one namespace for both",
      { ...good, namespaces: { apps: "one", monitoring: "one" } },
      ['quorum:namespaces.monitoring is "one", but apps has that name already; set another name'],
    ],
    [
      "no registry",
      { ...good, images: { builds: { app: { context: "app" } } } },
      [
        "quorum:images.registry is missing, but it must be a registry host, with a port or path where needed; set it, for example to localhost:5000",
      ],
    ],
    [
      "an unknown unavailable image",
      withImages({ unavailable: ["metric-server"] }),
      [
        'quorum:images.unavailable.0 is "metric-server", but it must be a name of data/images.yaml; did you mean metrics-server?',
      ],
    ],
    [
      "a build without its base",
      withImages({ unavailable: ["node"] }),
      [
        "quorum:images.builds.app.digest is missing, but without the base image node, which images.unavailable names, nothing can be built; give the digest of an image built elsewhere",
      ],
    ],
    [
      "no control plane",
      { ...good, controlPlane: undefined },
      ["quorum:controlPlane is missing, but it must be a mapping with mode existing or kubeadm; write it as one"],
    ],
    [
      "a mode that there is not",
      withControlPlane({ mode: "kubeadmin" }),
      ['quorum:controlPlane.mode is "kubeadmin", but it must be one of existing, kubeadm; set it to one of them'],
    ],
    [
      "missing context",
      { ...good, controlPlane: { mode: "existing" } },
      [
        "quorum:controlPlane.context is missing, but it must be the name of a kubeconfig context (the current one is never taken by itself); set it, for example to kind-kind",
      ],
    ],
    [
      "a version that is none",
      withControlPlane({ kubernetesVersion: 1.37 }),
      [
        "quorum:controlPlane.kubernetesVersion is 1.37, but it must be a full version without v; set it, for example to 1.37.2",
      ],
    ],
    [
      "a local version that is not shipped",
      withControlPlane({ local: true, kubernetesVersion: "1.36.0" }),
      ['quorum:controlPlane.kubernetesVersion is "1.36.0", but local hosts have 1.37.2; set it to that'],
    ],
    [
      "an address that is none",
      withControlPlane({ hosts: { a: { address: "10.0.0.256" } } }),
      [
        'quorum:controlPlane.hosts.a.address is "10.0.0.256", but it must be an IPv4 address; set it, for example to 192.0.2.11',
      ],
    ],
    [
      "four members",
      withControlPlane({
        hosts: { a: host(11), b: host(12), c: host(13), d: host(14) },
        endpoint: "k8s.example.com:6443",
      }),
      [
        "quorum:controlPlane.hosts has 4 control-plane hosts (a, b, c and d), but it must be an odd number: 4 members tolerate the loss of 1, as 3 do, and more can fail; set role: worker for one of them or add another",
      ],
    ],
    [
      "no key for SSH",
      withControlPlane({ ssh: {} }),
      [
        "quorum:controlPlane.ssh.privateKeyFile is missing, but host steps need a key; set it, for example to ~/.ssh/id_ed25519, or set the secret privateKey",
      ],
    ],
    [
      "two keys for SSH",
      withControlPlane({ ssh: { privateKey: "SECRET", privateKeyFile: "key" } }),
      ['quorum:controlPlane.ssh.privateKeyFile is "key", but privateKey is set too; leave out one of them'],
    ],
  ])("%s", (_, raw, expected) => {
    expect(problems(raw)).toEqual(expected);
  });

  it("has all its problems in one message, and only its own", () => {
    const raw = {
      imgs: {},
      images: { registry: "UPPER", builds: { app: { context: "app" } } },
      services: {
        a: { ...service, replicas: "two" },
        b: { ...service, expose: { port: 80 } },
        c: { ...service, image: "none", expose: { port: 80 } },
      },
      monitoring: good["monitoring"],
      controlPlane: { ...kubeadm, hosts: { a: host(11), b: host(11), c: host(12) } },
    };
    expect(problems(raw).map((line) => line.split(" ")[0])).toEqual([
      "quorum:imgs",
      "quorum:images.registry",
      "quorum:services.a.replicas",
      "quorum:controlPlane.endpoint",
      "quorum:controlPlane.hosts.b.address",
      "quorum:controlPlane.hosts.b.podSubnet",
      "quorum:services.c.image",
      "quorum:services.c.expose.port",
    ]);
  });

  it("may expose one port under two hostnames, but not on one machine", () => {
    const services = {
      a: { ...service, expose: { port: 80, hostname: "a.example.com" } },
      b: { ...service, expose: { port: 80, hostname: "b.example.com" } },
    };
    expect(problems({ ...good, services })).toEqual([]);
    expect(problems({ ...withControlPlane({ local: true }), services })).toEqual([
      "quorum:services.b.expose.port is 80, but quorum:services.a.expose has that port already; set another",
    ]);
  });
});

describe("a secret", () => {
  const hidden = "hunter2";

  it.each<[string, Raw, string[]?]>([
    [
      "password of a wrong type",
      withImages({ builds: { app: { context: "app", credentials: { username: hidden, password: [hidden] } } } }),
    ],
    ["credentials of a wrong shape", withImages({ builds: { app: { context: "app", credentials: hidden } } })],
    [
      "misspelt password",
      withImages({ builds: { app: { context: "app", credentials: { username: "u", passwrd: hidden } } } }),
    ],
    ["misspelt credentials", withImages({ builds: { app: { context: "app", credential: { password: hidden } } } })],
    ["private key of a wrong type", withControlPlane({ ssh: { privateKey: { secure: hidden } } })],
    ["environment of a wrong type", withService({ env: { PASSWORD: [hidden] } })],
    ["secret environment of a wrong type", withService({ secrets: { env: { A: [hidden] }, files: { b: [hidden] } } })],
    [
      "password of a wrong type at the ingress",
      withService({ ingress: { hostname: "a.example.com", basicAuth: { user: [hidden] } } }),
    ],
    [
      "address of a receiver of a wrong type",
      { ...good, monitoring: { alertmanager: { receivers: { a: { webhook: { url: hidden } } } } } },
    ],
    [
      "key of a receiver of a wrong type",
      { ...good, monitoring: { alertmanager: { receivers: { a: { pagerduty: { routingKey: [hidden] } } } } } },
    ],
    ["secret environment that is too long", withService({ secrets: { env: { A: hidden.repeat(200_000) } } })],
    ["anything in a section that holds a secret", withService({ role: `${hidden}!` }), ["services"]],
    ["a name of an image in a section that holds a secret", withService({ image: hidden }), ["services"]],
  ])("is in no message: %s", (_, raw, secretSections) => {
    const lines = problems(raw, secretSections);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join("\n")).not.toContain(hidden);
  });
});

describe("any change of a stack file", () => {
  const strange = fc.constantFrom<unknown>(
    null,
    undefined,
    true,
    -1,
    0,
    1.5,
    1e9,
    "",
    "two",
    "ABC",
    "a b",
    [],
    ["x"],
    {},
    { x: 1 },
    "10.0.0.1",
    "1.2.3",
  );
  const steps = fc.array(fc.nat(20), { minLength: 1, maxLength: 6 });

  /** Goes down by numbered keys and puts something strange there, or under a new key beside them. */
  function mutate(node: unknown, [step = 0, ...rest]: number[], value: unknown, added: boolean): unknown {
    if (typeof node !== "object" || node === null) return value;
    const keys = Object.keys(node);
    if (added && rest.length === 0)
      return Array.isArray(node) ? [...(node as unknown[]), value] : { ...node, unheardOf: value };
    const key = keys[step % Math.max(1, keys.length)];
    if (key === undefined) return value;
    const inner = rest.length === 0 ? value : mutate((node as Raw)[key], rest, value, added);
    return Array.isArray(node) ? (node as unknown[]).with(Number(key), inner) : { ...node, [key]: inner };
  }

  it.each(["dev", "prod"] as const)("of %s is taken or refused by key with a fix, never a crash", (stack) => {
    fc.assert(
      fc.property(steps, strange, fc.boolean(), (path, value, added) => {
        const raw = mutate(stackSections(stack), path, value, added) as Raw;
        const lines = problems(raw);
        for (const line of lines) expect(line).toMatch(/^quorum:\S+ (is|has) [^]*; [^]+$/);
        if (lines.length > 0) return;
        const { controlPlane } = parseConfig(raw);
        if (controlPlane.mode === "kubeadm") expect(planControlPlane(controlPlane).members.length % 2).toBe(1);
      }),
      { numRuns: 100 },
    );
  });
});

describe("what this site cannot provide", () => {
  it("opens a service that an ingress controller was to serve to no other", () => {
    const shop = { image: "app", role: "web", ingress: { hostname: "shop.example.com" }, exposedTo: ["ingress"] };
    const raw = { ...withImages({ unavailable: ["traefik"] }), services: { shop }, ingress: { controller: "traefik" } };
    const config = parseConfig(raw);
    expect(config.services["shop"]).toMatchObject({ ingress: undefined, exposedTo: [] });
    expect(config.skipped).toContainEqual({ name: "ingress of shop", reason: "the ingress controller is left out" });
  });

  it("is left out and listed", () => {
    const config = parseConfig(withImages({ unavailable: ["metrics-server", "busybox"] }));
    expect(config.skipped).toEqual([
      { name: "local-path-provisioner", reason: "image busybox is unavailable here" },
      ...["loki", "prometheus", "alertmanager", "grafana"].map((name) => ({
        name,
        reason: "its volume needs local-path-provisioner, which is left out",
      })),
      { name: "metrics-server", reason: "image metrics-server is unavailable here" },
      { name: "log collector", reason: "loki is left out" },
    ]);
    expect(config.storage.provisioner).toBe("existing");
    expect(config.monitoring.prometheus.enabled).toBe(false);
    expect(config.monitoring.metricsServer.enabled).toBe(false);
  });

  it("is no matter where nothing needs it", () => {
    expect(
      parseConfig({
        ...withImages({ unavailable: ["perl", "busybox"].slice(1) }),
        storage: { provisioner: "existing" },
      }).skipped,
    ).toEqual([]);
  });
});

describe("loadConfig", () => {
  const load = async (sections: Raw, secretSections: string[] = []) => {
    vi.resetModules();
    const { loadConfig } = await import("../config.ts");
    let config: ReturnType<typeof loadConfig> | undefined;
    const recording = await record(
      () => {
        config = loadConfig();
        return { config };
      },
      { config: sections, secretSections, preview: true },
    );
    return { config: config!, recording };
  };

  it("gives what the stack file says", async () => {
    const { config } = await load(runnableSections("dev"));
    expect(config.services["metricsdemo"]).toMatchObject({ replicas: 2, port: 80 });
    expect(config.images.catalog).toEqual(imageCatalog());
  });

  it("keeps secrets secret", async () => {
    const builds = { app: { context: "app", credentials: { username: "robot", password: "hunter2" } } };
    const { config, recording } = await load({
      ...runnableSections("dev"),
      images: { registry: "localhost:5000", builds },
    });
    expect(JSON.stringify(config)).not.toMatch(/hunter2|PRIVATE KEY/);
    expect(recording.secretOutputs).toEqual(["config"]);
  });

  it("keeps the secrets of services secret, encrypted or not", async () => {
    const secrets = { env: { TOKEN: "hunter2" }, files: { key: "hunter3" } };
    const ingress = { hostname: "shop.example.com", basicAuth: { user: "hunter4" } };
    const services = { shop: { ...service, secrets, ingress } };
    const sections = { ...runnableSections("dev"), services, jobs: {}, ingress: { controller: "traefik" } };
    expect(JSON.stringify((await load(sections)).config)).not.toMatch(/hunter/);
  });

  it("keeps the secrets of receivers secret, and knows where they lead", async () => {
    const receivers = {
      bot: { webhook: { url: "https://hunter1.example.com:8443/x", bearerToken: "hunter2" } },
      own: { webhook: { call: "shop/alerts" } },
      mail: {
        email: {
          to: "a@example.com",
          from: "b@example.com",
          smarthost: "smtp.example.com:587",
          username: "u",
          password: "hunter3",
        },
      },
      chat: { slack: { apiUrl: "https://hunter4.example.com/", channel: "#a" } },
      page: { pagerduty: { routingKey: "hunter5" } },
    };
    const deadMansSwitch = { url: "http://hunter6.example.com/" };
    const monitoring = { alertmanager: { receivers, deadMansSwitch } };
    const sections = { ...runnableSections("dev"), services: { shop: service }, jobs: {}, monitoring };
    const { alertmanager } = (await load(sections)).config.monitoring;
    expect(JSON.stringify(alertmanager)).not.toMatch(/hunter/);
    expect(alertmanager.receivers["own"]?.webhook?.call).toBe("shop/alerts");
    expect(alertmanager.outbound?.map(({ port }) => port)).toEqual([80, 443, 587, 8443]);
  });

  it("makes environment and files secret once any of the services' values was", async () => {
    const services = { shop: { ...service, env: { TOKEN: "hunter2" } } };
    const sections = { ...runnableSections("dev"), services, jobs: {} };
    expect(JSON.stringify((await load(sections)).config)).toContain("hunter2");
    expect(JSON.stringify((await load(sections, ["services"])).config)).not.toContain("hunter2");
  });

  it("refuses the stand-in for a digest, but not at preview or in a render", async () => {
    const sections = { ...runnableSections("prod"), images: stackSections("prod")["images"]! };
    await expect(load(sections)).resolves.toBeDefined();
    const { loadConfig } = await import("../config.ts");
    await expect(record(loadConfig, { config: sections })).rejects.toThrow(
      "quorum:images.builds.app.digest is all zeros, but it must be the digest of an image that was pushed; set it, or leave it out to build the image",
    );
  });

  it("names a key file that is not there", async () => {
    const sections = runnableSections("prod");
    sections["controlPlane"] = { ...sections["controlPlane"], ssh: { privateKeyFile: "no/such/key" } };
    vi.resetModules();
    const { loadConfig } = await import("../config.ts");
    await record(
      () => {
        expect(loadConfig).toThrow(
          'quorum:controlPlane.ssh.privateKeyFile is "no/such/key", but there is no such file; set it to a private key that the hosts accept',
        );
      },
      { config: sections },
    );
    await expect(load(sections)).resolves.toBeDefined();
  });
});
