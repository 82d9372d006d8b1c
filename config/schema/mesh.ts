import { meshInstallation } from "./mesh-install.ts";
import { address, choice, dnsName, flag, integer, label, list, mapping, named, subnet, text } from "./shapes.ts";
import { connections, outliers, retries } from "./traffic.ts";

const externalNameLength = 50;

const originate = mapping({
  /** Port at which callers speak plain HTTP to their proxy, which speaks TLS to the host. */
  plainPort: integer(1, 65535, 80).default(80),
  /** Name that the host is asked for, and that its certificate must have. @default host */
  sni: text("a DNS name", "api.example.com", dnsName, 253).optional(),
});

/** Something outside the mesh that services call by its name here. */
const external = mapping({
  /** Its DNS name. Instead of address. */
  host: text("a DNS name", "api.example.com", dnsName, 253).optional(),
  /** Its IPv4 address. Instead of host. */
  address: address("an IPv4 address", "192.0.2.7").optional(),
  port: integer(1, 65535, 9997),
  /** What is spoken there. With http, http2 and grpc its calls have timeouts and retries, and stand in traces and metrics. */
  protocol: choice(["http", "http2", "grpc", "https", "tls", "tcp"]),
  /** Has the callers' proxies speak TLS to it, so that callers need not. */
  tls: originate.optional(),
  /** Ranges that its DNS name leads to: what the network lets callers reach. @default everywhere outside the cluster */
  subnets: list(subnet("198.51.100.0/24"), "ranges")
    .min(1, { error: "one range or more; leave it out for everywhere outside the cluster" })
    .optional(),
  /** Whether callers reach it through the egress gateway, so that it is called from few, known pods. */
  gateway: flag().default(false),
  timeoutMillis: integer(1, 3_600_000, 2000).optional(),
  retries: retries.optional(),
  connections: connections.optional(),
  outliers: outliers.optional(),
});

/** Who may come in at the edge: requests with a token of this issuer. */
const jwt = mapping({
  issuer: text("the issuer, as tokens name it", "https://id.example.com", /^\S+$/, 1024),
  /** Where the issuer's public keys are. Instead of keys. */
  jwksUri: text("an https URL", "https://id.example.com/keys", /^https:\/\/\S+$/, 1024).optional(),
  /** The public keys themselves, as a JSON Web Key Set. */
  jwks: text("a JSON Web Key Set", '{"keys": [ … ]}', /^\s*\{[^]*\}\s*$/, 65_536).optional(),
  /** Ranges that jwksUri leads to: what the network lets istiod reach. @default everywhere outside the cluster */
  subnets: list(subnet("198.51.100.0/24"), "ranges")
    .min(1, { error: "one range or more; leave it out for everywhere outside the cluster" })
    .optional(),
  /** Audiences of which a token must name one. @default any */
  audiences: list(text("an audience", "shop", /^[^\n]+$/, 255), "audiences").default([]),
  /** Services that are reached without a token too. A false one is refused there as well. */
  except: list(label("the name of a service", "metricsdemo", 50), "service names").default([]),
});

/** The service mesh: who speaks with whom, how, and what outside of it may be called. */
export const meshSchema = mapping({
  /** Whether the stack makes Istio, uses one that the cluster has, or has no mesh. */
  mode: choice(["off", "install", "existing"]).default("off"),
  ...meshInstallation,
  /** Whose identities count: with mode existing, the mesh's own. */
  trustDomain: text("a trust domain", "cluster.local", dnsName, 253).default("cluster.local"),
  /** What services may call outside, by the name that they call it by in `calls`. */
  external: named(label("a name", "msgd", externalNameLength), external, "external hosts, by name").default({}),
  /** Tokens that requests from outside must have. Those without are let in by nobody but the services in except. */
  jwt: jwt.optional(),
});
