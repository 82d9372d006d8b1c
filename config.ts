import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { ControlPlaneArgs } from "./components/control-plane/control-plane.ts";
import { balancerReferences } from "./components/plan/control-plane/balancer.ts";
import { receiverPorts } from "./components/plan/connections/monitoring-connections.ts";
import { fromHome } from "./config/home-path.ts";
import { type Config, parseConfig, parseValue } from "./config/parse.ts";

export { type Config, imageCatalog, parseConfig } from "./config/parse.ts";

const project = "quorum";
/** Not in the SDK's published types; the one way to learn that a value was encrypted in the stack's file. */
const { isConfigSecret } = pulumi.runtime as unknown as { readonly isConfigSecret: (key: string) => boolean };

type Build = Config["images"]["builds"][string];
type SecretBuild = Omit<Build, "credentials"> & {
  readonly credentials: Credentials | undefined;
};
type Credentials = { readonly username: string; readonly password: pulumi.Output<string> };
type Service = Config["services"][string];
type Backup = NonNullable<Config["backup"]>;
type SecretBackup = Omit<Backup, "repository" | "password" | "environment"> & {
  readonly repository: pulumi.Output<string>;
  readonly password: pulumi.Output<string>;
  readonly environment: Texts;
};
type Registry = NonNullable<Config["registry"]>;
type SecretRegistry =
  | (Omit<Extract<Registry, { kind: "distribution" }>, "htpasswd"> & { readonly htpasswd: pulumi.Output<string> })
  | Extract<Registry, { kind: "harbor" }>;
type Texts = Readonly<Record<string, pulumi.Input<string>>>;
type Version = NonNullable<Service["versions"]>[string];
type SecretService = Omit<Service, "env" | "config" | "secrets" | "ingress" | "versions"> & {
  readonly env: Texts;
  readonly versions?: Readonly<Record<string, Omit<Version, "env"> & { readonly env: Texts }>> | undefined;
  readonly config: Texts;
  readonly secrets: Omit<Service["secrets"], "env" | "files"> & { readonly env: Texts; readonly files: Texts };
  readonly ingress?:
    (Omit<NonNullable<Service["ingress"]>, "basicAuth"> & { readonly basicAuth?: Texts | undefined }) | undefined;
};
/** Texts of a mapping that are secret, by their keys. */
type Secret<One, Key extends keyof One> = Omit<One, Key> & {
  readonly [Name in Key]: pulumi.Output<string> | Extract<One[Name], undefined>;
};
type Monitoring = Config["monitoring"];
type Alertmanager = Monitoring["alertmanager"];
type Receiver = Alertmanager["receivers"][string];
type Only<Kind extends keyof Receiver> = NonNullable<Receiver[Kind]>;
type SecretReceiver = Pick<Receiver, "severities"> & {
  readonly webhook: Secret<Only<"webhook">, "url" | "bearerToken"> | undefined;
  readonly email: Secret<Only<"email">, "password"> | undefined;
  readonly slack: Secret<Only<"slack">, "apiUrl"> | undefined;
  readonly pagerduty: Secret<Only<"pagerduty">, "routingKey"> | undefined;
};
type SecretAlertmanager = Omit<Alertmanager, "receivers" | "deadMansSwitch"> & {
  readonly receivers: Readonly<Record<string, SecretReceiver>>;
  readonly deadMansSwitch: Secret<NonNullable<Alertmanager["deadMansSwitch"]>, "url"> | undefined;
};
type Zipkin = Monitoring["zipkin"];
type SecretZipkin = Omit<Zipkin, "elasticsearch"> & {
  readonly elasticsearch: Secret<NonNullable<Zipkin["elasticsearch"]>, "password"> | undefined;
};
type SecretMonitoring = Omit<Monitoring, "alertmanager" | "zipkin" | "signIn"> & {
  readonly signIn: Secret<NonNullable<Monitoring["signIn"]>, "clientSecret"> | undefined;
  readonly alertmanager: SecretAlertmanager;
  readonly zipkin: SecretZipkin;
};
type Job = Config["jobs"][string];
type SecretJob = Omit<Job, "env"> & { readonly env: Texts };

/** A configuration whose secrets are secret outputs, as components take them. */
export interface StackConfig extends Omit<
  Config,
  "images" | "services" | "jobs" | "backup" | "registry" | "monitoring" | "controlPlane"
> {
  readonly monitoring: SecretMonitoring;
  readonly backup: SecretBackup | undefined;
  readonly registry: SecretRegistry | undefined;
  readonly services: Readonly<Record<string, SecretService>>;
  readonly jobs: Readonly<Record<string, SecretJob>>;
  readonly images: Omit<Config["images"], "builds" | "pull"> & {
    readonly builds: Readonly<Record<string, SecretBuild>>;
    readonly pull: Readonly<Record<string, Credentials>>;
  };
  readonly controlPlane: ControlPlaneArgs;
}

/**
 * Reads the configuration of the running stack: the one place that does.
 *
 * @throws InputError naming every problem at once
 */
export function loadConfig(): StackConfig {
  const raw: Record<string, unknown> = {};
  const secretSections: string[] = [];
  for (const [key, value] of Object.entries(pulumi.runtime.allConfig())) {
    if (!key.startsWith(`${project}:`)) continue;
    const section = key.slice(project.length + 1);
    raw[section] = parseValue(value);
    if (isConfigSecret(key)) secretSections.push(section);
  }
  const config = parseConfig(raw, { secretSections, complete: !pulumi.runtime.isDryRun() });
  const { images, services, jobs } = config;
  return {
    ...config,
    images: {
      ...images,
      builds: mapValues(images.builds, secretBuild),
      pull: mapValues(images.pull, secretCredentials),
    },
    services: mapValues(services, (service) => secretService(service, secretSections.includes("services"))),
    jobs: secretSections.includes("jobs") ? mapValues(jobs, secretJob) : jobs,
    backup: config.backup && secretBackup(config.backup),
    registry: config.registry && secretRegistry(config.registry),
    monitoring: secretMonitoring(config.monitoring),
    controlPlane: controlPlaneArgs(config),
  };
}

/** Which of a section's values was encrypted is not told, so all that may be are secret then. */
function secretService(
  { env, config, secrets, ingress, versions, ...service }: Service,
  encrypted: boolean,
): SecretService {
  const secret = (texts: Readonly<Record<string, string>>) => mapValues(texts, (text) => pulumi.secret(text));
  return {
    ...service,
    env: encrypted ? secret(env) : env,
    ...(versions && {
      versions: mapValues(versions, (version) => ({
        ...version,
        env: encrypted ? secret(version.env) : version.env,
      })),
    }),
    config: encrypted ? secret(config) : config,
    secrets: { ...secrets, env: secret(secrets.env), files: secret(secrets.files) },
    ingress: ingress && { ...ingress, basicAuth: ingress.basicAuth && secret(ingress.basicAuth) },
  };
}

/** A repository's address may hold a user's name and password. */
function secretBackup({ repository, password, environment, ...backup }: Backup): SecretBackup {
  const secret = (text: string) => pulumi.secret(text);
  return {
    ...backup,
    repository: secret(repository),
    password: secret(password),
    environment: mapValues(environment, secret),
  };
}

function secretRegistry(registry: Registry): SecretRegistry {
  return registry.kind === "harbor" ? registry : { ...registry, htpasswd: pulumi.secret(registry.htpasswd) };
}

function secretMonitoring({ alertmanager, zipkin, signIn, ...others }: Monitoring): SecretMonitoring {
  const { elasticsearch } = zipkin;
  return {
    ...others,
    signIn: signIn && withSecrets(signIn, ["clientSecret"]),
    alertmanager: secretAlertmanager(alertmanager),
    zipkin: { ...zipkin, elasticsearch: elasticsearch && withSecrets(elasticsearch, ["password"]) },
  };
}

/** Where receivers are is worked out here, as later nobody can look into their addresses. */
function secretAlertmanager({ receivers, deadMansSwitch, ...settings }: Alertmanager): SecretAlertmanager {
  return {
    ...settings,
    outbound: settings.outbound ?? receiverPorts({ receivers, deadMansSwitch }),
    receivers: mapValues(receivers, ({ severities, webhook, email, slack, pagerduty }) => ({
      severities,
      webhook: webhook && withSecrets(webhook, ["url", "bearerToken"]),
      email: email && withSecrets(email, ["password"]),
      slack: slack && withSecrets(slack, ["apiUrl"]),
      pagerduty: pagerduty && withSecrets(pagerduty, ["routingKey"]),
    })),
    deadMansSwitch: deadMansSwitch && withSecrets(deadMansSwitch, ["url"]),
  };
}

function withSecrets<One extends object, Key extends keyof One>(one: One, keys: readonly Key[]): Secret<One, Key> {
  const secrets = keys.flatMap((key) => (one[key] === undefined ? [] : [[key, pulumi.secret(one[key])]]));
  return { ...one, ...Object.fromEntries(secrets) } as Secret<One, Key>;
}

function secretJob(job: Job): SecretJob {
  return { ...job, env: mapValues(job.env, (text) => pulumi.secret(text)) };
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

function secretBuild({ credentials, ...build }: Build): SecretBuild {
  return { ...build, credentials: credentials && secretCredentials(credentials) };
}

function secretCredentials({ username, password }: NonNullable<Build["credentials"]>): Credentials {
  return { username, password: pulumi.secret(password) };
}

function controlPlaneArgs({ controlPlane, images }: Config): ControlPlaneArgs {
  if (controlPlane.mode === "existing") return controlPlane;
  const { user, port } = controlPlane.ssh;
  const references = balancerReferences(controlPlane.balancer, images);
  const etcd = { ...controlPlane.etcd, backup: controlPlane.etcd.backup && secretStore(controlPlane.etcd.backup) };
  const ssh = { user, port, privateKey: sshPrivateKey(controlPlane) };
  return { ...controlPlane, etcd, mirror: images.mirror, images: references, ssh };
}

type EtcdBackup = NonNullable<Extract<Config["controlPlane"], { mode: "kubeadm" }>["etcd"]["backup"]>;

function secretStore({ store, ...backup }: EtcdBackup) {
  const s3 = store.s3 && withSecrets(store.s3, ["accessKeyId", "secretAccessKey"]);
  return { ...backup, store: { ...store, s3 } };
}

function sshPrivateKey({ ssh, local }: Extract<Config["controlPlane"], { mode: "kubeadm" }>): pulumi.Output<string> {
  if (ssh.privateKey !== undefined) return pulumi.secret(ssh.privateKey);
  const key = "quorum:controlPlane.ssh.privateKeyFile";
  const file = resolve(fromHome(ssh.privateKeyFile ?? ""));
  if (existsSync(file)) return pulumi.secret(readFileSync(file, "utf8"));
  // A preview or a render uses no key, and the key of local hosts does not exist before they do.
  if (pulumi.runtime.isDryRun()) return pulumi.secret(`unset:${key}`);
  const fix = local ? "run `npm run local -- start`" : "set it to a private key that the hosts accept";
  throw new Error(`${key} is "${ssh.privateKeyFile ?? ""}", but there is no such file; ${fix}`);
}
