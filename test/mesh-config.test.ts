import { describe, expect, it } from "vitest";
import { InputError } from "../components/plan/problems.ts";
import { parseConfig } from "../config/parse.ts";
import { runnableSections, type Sections } from "./stacks.ts";

const base = runnableSections("dev");
const half = { "v0.1": { weight: 50 }, "v0.2": { weight: 50 } };
const versioned = { image: "app", versions: half };

interface Wanted {
  readonly services?: Readonly<Record<string, object>>;
  readonly jobs?: Readonly<Record<string, object>>;
  readonly mesh?: object;
  readonly more?: Sections;
}

function problems({ services = {}, jobs = {}, mesh = {}, more = {} }: Wanted, stack: Sections = base): string[] {
  const named = Object.entries(services).map(([name, one]) => [name, { role: "web", ...one }]);
  const sections = {
    ...stack,
    services: Object.fromEntries(named),
    jobs,
    mesh: { mode: "existing", ...mesh },
    ...more,
  } as Sections;
  try {
    parseConfig(sections);
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.problems.map(({ key, text }) => `${key} ${text}`);
  }
}

const svcb = (more: object): Wanted => ({ services: { svcb: { ...versioned, ...more } } });
const route = (more: object) => svcb({ route: more });
const external = (more: object): Wanted => ({
  mesh: { external: { msgd: { address: "192.0.2.7", port: 9997, protocol: "http", ...more } } },
});

const bank = { address: "192.0.2.8", port: 9998, protocol: "http" };

describe("what a mesh takes", () => {
  it.each<[string, Wanted]>([
    ["versions that share all requests out", svcb({})],
    ["the only version, without a weight", { services: { svcb: { image: "app", versions: { "v0.1": {} } } } }],
    [
      "a canary",
      svcb({ versions: { "v0.1": { weight: 100 }, "v0.2": {} }, canary: { to: "v0.2", steps: [10, 50, 100], at: 1 } }),
    ],
    [
      "a table",
      route({
        timeoutMillis: 2000,
        retries: { attempts: 2, perTryMillis: 600 },
        matches: [{ headers: { "x-tester": { exact: "1" } }, to: "v0.2" }],
      }),
    ],
    [
      "shares by place, which need no outliers",
      route({ locality: { "eu/a": { "eu/a": 80, "eu/b": 20 }, us: { "*": 100 } } }),
    ],
    [
      "calls with methods and paths, of services and jobs",
      {
        services: {
          svcb: versioned,
          svca: { image: "app", calls: [{ service: "svcb", methods: ["GET"], paths: ["/notify*"] }] },
        },
        jobs: { tick: { image: "app", calls: [{ service: "svcb", paths: ["/x"] }] } },
      },
    ],
    [
      "an external host that a service calls",
      { ...external({}), services: { svcb: { ...versioned, calls: ["msgd"] } } },
    ],
    [
      "a service outside the mesh",
      { services: { old: { image: "app", mesh: false }, svca: { image: "app", calls: ["old"] } } },
    ],
  ])("%s", (_, wanted) => {
    expect(problems(wanted)).toEqual([]);
  });
});

describe("what a mesh refuses, by key", () => {
  it.each<[string, Wanted, string[]]>([
    [
      "weights that are not 100 together",
      svcb({ versions: { "v0.1": { weight: 50 }, "v0.2": { weight: 49 } } }),
      [
        "quorum:services.svcb.versions has weights that are 99 together (v0.1 50, v0.2 49), but they must be 100; change one of them",
      ],
    ],
    [
      "weights of a match that are not 100 together, and versions that there are not",
      route({
        matches: [
          { methods: ["GET"], weights: { "v0.1": 1, "v0.3": 2 } },
          { path: { exact: "/x" }, to: "v0.9" },
        ],
      }),
      [
        'quorum:services.svcb.route.matches.0.weights.v0.3 is "v0.3", but the service has v0.1 and v0.2; did you mean v0.1?',
        "quorum:services.svcb.route.matches.0.weights are 3 together, but they must be 100; change one of them",
        'quorum:services.svcb.route.matches.1.to is "v0.9", but the service has v0.1 and v0.2; did you mean v0.1?',
      ],
    ],
    [
      "a canary without two versions",
      {
        services: {
          svcb: { image: "app", versions: { "v0.2": { weight: 100 } }, canary: { to: "v0.2", steps: [10], at: 1 } },
        },
      },
      ["quorum:services.svcb.canary is set, but v0.2 is its only version; name the old and the new one in versions"],
    ],
    [
      "a canary of an unknown version, past its steps, which go back",
      svcb({ versions: { "v0.1": { weight: 100 }, "v0.2": {} }, canary: { to: "v0.3", steps: [50, 10], at: 3 } }),
      [
        'quorum:services.svcb.canary.to is "v0.3", but the service has v0.1 and v0.2; did you mean v0.1?',
        "quorum:services.svcb.canary.at is 3, but there are 2 steps; set it to 2 or less, 0 being none of them",
        "quorum:services.svcb.canary.steps.1 is 10, but the step before is 50, and a step goes further; order them",
      ],
    ],
    [
      "a weight where the canary's step decides",
      svcb({
        versions: { "v0.1": { weight: 100 }, "v0.2": { weight: 0 } },
        canary: { to: "v0.2", steps: [10], at: 1 },
      }),
      ["quorum:services.svcb.versions.v0.2.weight is 0, but the canary's step decides what v0.2 gets; leave it out"],
    ],
    [
      "a canary whose old versions do not share out all",
      svcb({
        versions: { "v0.1": { weight: 90 }, "v0.2": {} },
        canary: { to: "v0.2", steps: [10], at: 1 },
      }),
      [
        "quorum:services.svcb.versions has weights of the versions besides v0.2 that are 90 together (v0.1 90), but they must be 100; change one of them",
      ],
    ],
    [
      "a call to an undeclared service",
      { services: { svca: { image: "app", calls: ["payments", { service: "msgb" }] }, msgd: { image: "app" } } },
      [
        'quorum:services.svca.calls.0 is "payments", but payments must be one of quorum:services; declare it in quorum:services, or use outbound for what is outside the cluster',
        'quorum:services.svca.calls.1.service is "msgb", but msgb must be one of quorum:services; did you mean msgd?',
      ],
    ],
    [
      "a call to an undeclared host",
      { ...external({}), services: { svca: { image: "app", calls: ["msgg"] } } },
      [
        'quorum:services.svca.calls.0 is "msgg", but msgg must be one of quorum:services or quorum:mesh.external; did you mean msgd?',
      ],
    ],
    [
      "an external host without port or protocol",
      { mesh: { external: { msgd: { address: "192.0.2.7" } } } },
      [
        "quorum:mesh.external.msgd.port is missing, but it must be an integer from 1 to 65535; set it, for example to 9997",
        "quorum:mesh.external.msgd.protocol is missing, but it must be one of http, http2, grpc, https, tls, tcp; set it to one of them",
      ],
    ],
    [
      "an external host that is nowhere, or at two places",
      {
        mesh: {
          external: {
            a: { port: 80, protocol: "http" },
            b: { host: "b.example.com", address: "192.0.2.8", port: 80, protocol: "http" },
          },
        },
      },
      [
        "quorum:mesh.external.a.host is missing, but it must be said where the host is; set host to its DNS name or address to its IPv4 address",
        'quorum:mesh.external.b.address is "192.0.2.8", but host names it too; leave out one of them',
      ],
    ],
    [
      "an external host inside the cluster",
      external({ address: "10.244.1.2" }),
      [
        'quorum:mesh.external.msgd.address is "10.244.1.2", but that lies in the cluster\'s own 10.244.0.0/16; name the service in calls instead',
      ],
    ],
    [
      "one host by two names",
      {
        mesh: {
          external: {
            a: { host: "x.example.com", port: 80, protocol: "http" },
            b: { host: "x.example.com", port: 81, protocol: "http" },
          },
        },
      },
      [
        'quorum:mesh.external.b.host is "x.example.com", but quorum:mesh.external.a is the same host; call it by one name',
      ],
    ],
    [
      "an external host with a service's name",
      { services: { msgd: { image: "app" } }, ...external({}) },
      [
        "quorum:mesh.external.msgd is a name that is not allowed; it must be another than that of a service, as calls name both",
      ],
    ],
    [
      "requests where proxies see none",
      external({ protocol: "tcp", timeoutMillis: 100, tls: { sni: "x.example.com" } }),
      [
        'quorum:mesh.external.msgd.tls is set, but protocol is "tcp"; what callers speak to their proxy must be http, http2 or grpc, or leave out tls',
        'quorum:mesh.external.msgd.timeoutMillis is set, but proxies see no requests in "tcp"; leave it out, or set protocol to http, http2 or grpc',
      ],
    ],
    [
      "a mirror to where all requests go",
      {
        services: {
          svcb: { image: "app", versions: { "v0.1": { weight: 100 }, "v0.2": {} }, route: { mirror: { to: "v0.1" } } },
        },
      },
      [
        'quorum:services.svcb.route.mirror.to is "v0.1", but all requests go there already; name another version or leave out mirror',
      ],
    ],
    [
      "retries that do not fit into the timeout",
      route({ timeoutMillis: 1000, retries: { attempts: 2, perTryMillis: 400 } }),
      [
        "quorum:services.svcb.route.retries.perTryMillis is 400, which with 3 attempts is 1200 ms, but timeoutMillis is 1000; lower it to 333 or less, or raise timeoutMillis",
      ],
    ],
    [
      "retries of a match that do not fit into the route's timeout",
      route({ timeoutMillis: 1000, matches: [{ methods: ["GET"], retries: { attempts: 3, perTryMillis: 300 } }] }),
      [
        "quorum:services.svcb.route.matches.0.retries.perTryMillis is 300, which with 4 attempts is 1200 ms, but timeoutMillis is 1000; lower it to 250 or less, or raise timeoutMillis",
      ],
    ],
    [
      "settings of retries that there are not",
      route({ retries: { attempts: 0, on: ["5xx"] } }),
      ["quorum:services.svcb.route.retries.on is set, but attempts is 0, so nothing is tried again; leave it out"],
    ],
    [
      "a match for all, one that never counts, and one of two forms",
      route({
        matches: [
          { to: "v0.2" },
          { methods: ["GET", "POST"], to: "v0.1" },
          { methods: ["POST", "GET"] },
          { path: { exact: "/a", prefix: "/b" } },
          { headers: { x: { regex: "(?=a)" } } },
        ],
      }),
      [
        "quorum:services.svcb.route.matches.0 names neither headers nor path nor methods, so no match after it and no weights would count; say which requests it is for",
        "quorum:services.svcb.route.matches.2 is for the same requests as matches.1, which comes first, so it would never count; leave it out",
        "quorum:services.svcb.route.matches.3.path has exact and prefix, but it must have one of exact, prefix and regex; give it one",
        'quorum:services.svcb.route.matches.4.headers.x.regex is "(?=a)", but RE2 has neither looks around nor references back; write it without',
      ],
    ],
    [
      "shares by place that are not 100, overlap, or name no place",
      {
        services: {
          svcb: { ...versioned, route: { locality: { eu: { "eu/a": 80, "eu/b": 19 }, "eu/a": { "*": 50, us: 50 } } } },
          svcc: { ...versioned, route: { locality: {} } },
        },
      },
      [
        "quorum:services.svcb.route.locality.eu has shares that are 99 together, but they must be 100; change one of them",
        "quorum:services.svcb.route.locality.eu/a.us overlaps with *, which is named before; name places that do not",
        "quorum:services.svcb.route.locality.eu/a overlaps with eu, which is named before; name places that do not",
        "quorum:services.svcc.route.locality names no place; name one of callers with shares, or leave it out",
      ],
    ],
    [
      "a locality of the wrong shape",
      {
        services: {
          svcb: { ...versioned, route: { locality: "near" } },
          svcc: { ...versioned, route: { locality: { "eu//a": { eu: 100 } } } },
          svcd: { ...versioned, route: { locality: { eu: { eu: 0, us: 100 } } } },
        },
      },
      [
        'quorum:services.svcb.route.locality is "near", but it must be one of zone, region, none; set it to one of them',
        "quorum:services.svcc.route.locality.eu//a is a name that is not allowed; it must be region, region/zone or region/zone/subzone by the labels of hosts, with a star at the end for any; set it, for example to eu-central/eu-central-1a",
        "quorum:services.svcd.route.locality.eu.eu is 0, but it must be an integer from 1 to 100; set it, for example to 80",
      ],
    ],
    [
      "a locality that nobody fails out of",
      route({ locality: "zone" }),
      [
        'quorum:services.svcb.route.locality is "zone", but without outliers nobody says when the near pods have failed, and Istio then takes all alike; set quorum:services.svcb.route.outliers',
      ],
    ],
    [
      "what the Gateway API cannot express",
      route({
        api: "gateway",
        retries: { attempts: 1 },
        outliers: {},
        connections: { max: 1 },
        matches: [{ headers: { x: { prefix: "b" } } }, { path: { prefix: "/a" } }],
      }),
      [
        "quorum:services.svcb.route.retries is set, but the Gateway API's standard routes cannot express it; leave it out, or leave out api: gateway",
        "quorum:services.svcb.route.connections is set, but the Gateway API's standard routes cannot express it; leave it out, or leave out api: gateway",
        "quorum:services.svcb.route.outliers is set, but the Gateway API's standard routes cannot express it; leave it out, or leave out api: gateway",
        'quorum:services.svcb.route.matches.0.headers.x.prefix is "b", but the Gateway API compares whole headers; give a regex, or leave out api: gateway',
        'quorum:services.svcb.route.matches.1.path.prefix is "/a", but the Gateway API takes it for another set of paths, or in another order; give an exact path, or leave out api: gateway',
      ],
    ],
    [
      "an order that the Gateway API would change",
      route({
        api: "gateway",
        matches: [
          { methods: ["GET"] },
          { path: { exact: "/a" } },
          { methods: ["POST"], headers: { x: { exact: "1" } } },
        ],
      }),
      [
        "quorum:services.svcb.route.matches.1 is more exact than matches.0, so the Gateway API would take it first where a request fits both; put it before that, or leave out api: gateway",
      ],
    ],
    [
      "versions of what is one whole",
      {
        services: {
          a: { ...versioned, kind: "StatefulSet" },
          b: { ...versioned, replicas: 1, volumes: { data: { mountPath: "/data", storageGiB: 1 } } },
        },
      },
      [
        "quorum:services.a.versions is set, but the pods of a StatefulSet are one whole, which has one version; make it a Deployment, or a service for each version",
        "quorum:services.b.versions is set, but the service has volumes, which one pod at a time can have; leave out one of them",
      ],
    ],
    [
      "two objects of one name",
      {
        services: {
          "svcb-v0-1": { image: "app" },
          svcb: versioned,
          svcc: { image: "app", versions: { "v0.1": { weight: 100 }, "v0-1": {} } },
        },
      },
      [
        "quorum:services.svcb.versions.v0.1 is a name that is not allowed: its objects would be called svcb-v0-1 (v0-1 for the version), as those of quorum:services.svcb-v0-1 are; give one of them another name",
        "quorum:services.svcc.versions.v0-1 is a name that is not allowed: its objects would be called svcc-v0-1 (v0-1 for the version), as those of quorum:services.svcc.versions.v0.1 are; give one of them another name",
      ],
    ],
    [
      "an image of a version that there is not, and a variable that is not its to set",
      svcb({ versions: { "v0.1": { weight: 100, image: "nothing" }, "v0.2": { env: { VERSION: "x" } } } }),
      [
        "quorum:services.svcb.versions.v0.2.env.VERSION is set, but the process is told it by another key; leave it out",
        'quorum:services.svcb.versions.v0.1.image is "nothing", but it must be one of quorum:images.builds (app), a name of data/images.yaml or a full reference with registry and tag or digest; add it there or name another',
      ],
    ],
    [
      "limits on calls that nobody sees, and a caller without a certificate",
      {
        services: {
          old: { image: "app", mesh: false, calls: ["svcb"] },
          svcb: versioned,
          svca: {
            image: "app",
            calls: [
              { service: "old", methods: ["GET"] },
              { service: "raw", paths: ["/x"] },
            ],
          },
          raw: { image: "app", protocol: "tcp" },
        },
      },
      [
        'quorum:services.old.calls.0 is "svcb", which is in the mesh and refuses plain text, but quorum:services.old is outside of it, as mesh is false; leave out mesh, or set quorum:services.svcb.mesh to false too',
        "quorum:services.svca.calls.0 says what may be asked of old, but old is outside the mesh, and the network alone does not see requests; write only its name",
        "quorum:services.svca.calls.1 says what may be asked of raw, but its protocol is tcp, without requests; write only its name",
      ],
    ],
    [
      "calls that nobody would hold to what they say, or that come without a certificate to the egress gateway",
      {
        services: {
          old: { image: "app", mesh: false, calls: ["bank"] },
          svca: { image: "app", calls: [{ service: "bank", methods: ["GET"] }] },
        },
        jobs: { tick: { image: "app", mesh: false, calls: ["bank"] } },
        mesh: { mode: "install", external: { bank: { ...bank, gateway: true } } },
      },
      [
        'quorum:services.svca.calls.0.service is "bank", which is in quorum:mesh.external, but what is asked of a host outside nobody there can check; write only its name',
        'quorum:services.old.calls.0 is "bank", which is reached through the egress gateway by mutual TLS, but quorum:services.old is outside the mesh, as mesh is false; leave out mesh, or quorum:mesh.external.bank.gateway',
        'quorum:jobs.tick.calls.0 is "bank", which is reached through the egress gateway by mutual TLS, but quorum:jobs.tick is outside the mesh, as mesh is false; leave out mesh, or quorum:mesh.external.bank.gateway',
      ],
    ],
    [
      "an egress gateway of a mesh that the cluster has",
      { mesh: { external: { bank: { ...bank, gateway: true }, shop: { ...bank, address: "192.0.2.9" } } } },
      [
        "quorum:mesh.external.bank.gateway is true, but quorum:mesh.mode is existing, which makes no gateway; leave it out: callers reach the host by their own proxies",
      ],
    ],
    [
      "ranges of keys that nobody fetches, or that lie in the cluster",
      {
        mesh: {
          mode: "install",
          jwt: {
            issuer: "https://id.example.com",
            jwks: '{"keys": []}',
            subnets: ["198.51.100.0/24", "10.244.3.0/24"],
          },
        },
        more: { ingress: { controller: "istio" } },
      },
      [
        "quorum:mesh.jwt.subnets is set, but without jwksUri nobody fetches keys; leave it out",
        'quorum:mesh.jwt.subnets.1 is "10.244.3.0/24", but that lies in the cluster\'s own 10.244.0.0/16; leave it out',
      ],
    ],
    [
      "tokens without a gateway, without keys",
      { mesh: { jwt: { issuer: "https://id.example.com", except: ["nobody"] } } },
      [
        "quorum:mesh.jwt is set, but requests from outside do not come through a gateway of the mesh; set quorum:ingress.controller to istio, or leave it out",
        "quorum:mesh.jwt.jwksUri is missing, but the issuer's keys come from one place; set one of jwksUri and jwks",
        'quorum:mesh.jwt.except.0 is "nobody", but it must be one of quorum:services; leave it out',
      ],
    ],
  ])("%s", (_, wanted, expected) => {
    expect(problems(wanted)).toEqual(expected);
  });

  it("routes, versions and hosts without a mesh: each is told of, in one message", () => {
    const wanted = {
      services: {
        svcb: { ...versioned, route: { timeoutMillis: 5 }, canary: { to: "v0.2", steps: [10], at: 0, judged: false } },
        svca: { image: "app", calls: [{ service: "svcb", methods: ["GET"] }] },
      },
      mesh: { mode: "off", external: { msgd: { address: "192.0.2.7", port: 1, protocol: "tcp" } } },
    };
    const why =
      "is set, but without a mesh nobody follows it, as quorum:mesh.mode is off; set that to install or existing, or leave this out";
    const found = problems(wanted);
    for (const field of ["versions", "canary", "route"])
      expect(found).toContain(`quorum:services.svcb.${field} ${why}`);
    expect(found).toContain(
      "quorum:services.svca.calls.0 says what may be asked of svcb, but quorum:mesh.mode is off, and the network alone does not see requests; write only its name",
    );
    expect(found).toContain(
      "quorum:mesh.external.msgd is set, but quorum:mesh.mode is off, so nobody follows it; set that to install or existing, or use outbound of the services that call it",
    );
  });

  it("no request less than all is traced on local hosts, and elsewhere Istio's own share, unless one is said", () => {
    const drawn = (stack: Sections, telemetry = {}) =>
      parseConfig({ ...stack, mesh: { mode: "existing", telemetry } }).mesh.telemetry;
    expect(drawn(base)).toMatchObject({ samplingPercent: 100, accessLogs: "errors" });
    expect(drawn(runnableSections("prod"))).toMatchObject({ samplingPercent: 1 });
    expect(drawn(base, { samplingPercent: 0 })).toMatchObject({ samplingPercent: 0 });
  });

  it("what local hosts run and where they look for plugins, unless something else is said", () => {
    const had = (stack: Sections, said = {}) => parseConfig({ ...stack, mesh: { mode: "install", ...said } }).mesh;
    expect(had(base)).toMatchObject({ build: "stock", cni: { binDir: "/usr/lib/cni" } });
    expect(had(runnableSections("prod"))).toMatchObject({ build: "official", cni: { binDir: "/opt/cni/bin" } });
    expect(had(base, { build: "official", cni: { binDir: "/srv/cni" } })).toMatchObject({
      build: "official",
      cni: { binDir: "/srv/cni" },
    });
  });

  it("faults where hosts are not local, unless asked for", () => {
    const prod = runnableSections("prod");
    const own = (inProduction: boolean) => {
      const fault = { abort: { status: 503, percent: 1 }, inProduction };
      return problems({ services: { web: { image: "app", route: { fault } } } }, prod);
    };
    expect(own(true)).toEqual([]);
    expect(own(false)).toEqual([
      "quorum:services.web.route.fault is set, but hosts are not local, and real requests would fail of it; leave it out, or set quorum:services.web.route.fault.inProduction to true",
    ]);
  });

  it("words in a call of the wrong shape, each by its own key", () => {
    expect(
      problems({
        services: {
          a: { image: "app", calls: ["B!", { service: "b", method: ["GET"], methods: ["FETCH"], paths: ["x"] }, 7] },
        },
      }),
    ).toEqual([
      'quorum:services.a.calls.0 is "B!", but it must be the name of a service: a DNS label of at most 50 lower-case letters, digits and hyphens that begins with a letter; set it, for example to svcb',
      'quorum:services.a.calls.1.methods.0 is "FETCH", but it must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS; set it to one of them',
      'quorum:services.a.calls.1.paths.0 is "x", but it must be a path that begins with /, with a star at its end or beginning for any; set it, for example to /notify',
      "quorum:services.a.calls.1.method is not a known key, but it must be one of service, methods, paths; did you mean methods?",
      "quorum:services.a.calls.2 is 7, but it must be a mapping with service, methods, paths; write it as one",
    ]);
  });
});
