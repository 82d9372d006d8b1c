import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { controlPlaneImages } from "../../components/plan/images/images.ts";
import { runProcess } from "../../engine/process.ts";
import { forgetHostKey } from "../../engine/run-operation.ts";
import { ensureLocal } from "../../local/cluster.ts";
import {
  gatewayOf,
  type LocalHost,
  madeHosts,
  removeHost,
  sshKeyFile,
  startHost,
  stopHost,
} from "../../local/hosts.ts";
import { binaryPath } from "../../local/toolchain.ts";
import { hostsOf, type OwnHostsOptions, refuseTakenAddresses, serviceSubnetOf, stackText } from "./own-hosts-file.ts";
import { type Ended, quorum, root, stateDir, succeed } from "./quorum.ts";
import { ConstantWriter, type WriterOptions } from "./writer.ts";

export type { OwnHostsOptions } from "./own-hosts-file.ts";

/** A cluster of its own on bare local hosts, beside stack dev. The hosts are bare once it is made; `up` makes them a cluster. */
export class OwnHosts {
  readonly name: string;
  /** Where `up` puts the kubeconfig. */
  readonly kubeconfig: string;
  readonly #writers: ConstantWriter[] = [];
  #options: OwnHostsOptions;

  private constructor(options: OwnHostsOptions) {
    this.#options = options;
    this.name = options.name;
    this.kubeconfig = join(stateDir, `${options.name}.kubeconfig`);
  }

  /** Bare hosts, made anew. @throws naming what this machine lacks */
  static async make(options: OwnHostsOptions, log: (line: string) => void = () => undefined): Promise<OwnHosts> {
    const own = new OwnHosts(options);
    await own.remove();
    refuseTakenAddresses(own.hosts);
    try {
      await ensureLocal(
        {
          hosts: own.hosts,
          serviceSubnet: serviceSubnetOf(options),
          images: [...controlPlaneImages, ...(options.images ?? [])],
          ports: [],
        },
        log,
      );
      return own;
    } catch (error) {
      await own.remove();
      throw error;
    }
  }

  get hosts(): LocalHost[] {
    return hostsOf(this.#options);
  }

  /** Changes what the next command is told of the stack; fields that are not named stay. */
  change(options: Partial<Omit<OwnHostsOptions, "name">>): void {
    this.#options = { ...this.#options, ...options };
  }

  /** Makes bare hosts that `change` added; whichever machine had one of their addresses before is nobody that we know. */
  async addHosts(): Promise<void> {
    const made = madeHosts();
    for (const { name, address } of this.hosts) {
      if (!made.includes(name)) forgetHostKey({ root, stateDir }, address);
      await this.start(name);
    }
  }

  /** The stack's file, as the next command reads it. */
  stackFile(): string {
    const file = join(stateDir, `test-own-${this.name}.yaml`);
    writeFileSync(file, stackText(this.#options));
    return file;
  }

  /** The arguments by which a command is about this stack. */
  flags(): string[] {
    return ["--stack", this.name, "--config-file", this.stackFile(), "--engine", "direct"];
  }

  /** Brings the stack up. @throws with all that it said when it fails */
  async up(): Promise<Ended> {
    return succeed(["up", ...this.flags()]);
  }

  async tryUp(): Promise<Ended> {
    return quorum(["up", ...this.flags()]);
  }

  /** An operation, such as `operate("replace", "a")`. @throws with all that it said when it fails */
  async operate(...words: string[]): Promise<Ended> {
    return succeed(["control-plane", ...words, ...this.flags()]);
  }

  async tryOperate(...words: string[]): Promise<Ended> {
    return quorum(["control-plane", ...words, ...this.flags()]);
  }

  #host(name: string): LocalHost {
    const host = this.hosts.find((each) => each.name === name);
    if (host === undefined) throw new Error(`${this.name} has no host ${name}`);
    return host;
  }

  /** Cuts the host's power and its link, so that the others hear nothing more of it; its disks stay. */
  async kill(name: string): Promise<void> {
    await stopHost(this.#host(name).name);
  }

  /** Turns a host on that was killed. */
  async start(name: string): Promise<void> {
    const network = { gateway: gatewayOf(this.hosts), serviceSubnet: serviceSubnetOf(this.#options) };
    await startHost(this.#host(name), this.hosts, network);
  }

  /** A new machine of the same name and address, with empty disks. The engine's memory of the old one's host key stays. */
  async remake(name: string): Promise<void> {
    await removeHost(this.#host(name).name);
    await this.start(name);
  }

  /** Runs a bash script on a host. */
  async trySsh(name: string, script: string): Promise<Ended> {
    const began = performance.now();
    const options = ["BatchMode=yes", "ConnectTimeout=5", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
    const ended = await runProcess(
      "ssh",
      [
        ...["-T", "-i", sshKeyFile, ...[...options, "LogLevel=ERROR"].flatMap((option) => ["-o", option])],
        ...[`root@${this.#host(name).address}`, "bash -s"],
      ],
      { input: script },
    );
    return { ...ended, seconds: (performance.now() - began) / 1000 };
  }

  /** Runs a bash script on a host and gives its output. @throws with what it said when it fails */
  async ssh(name: string, script: string): Promise<string> {
    const { code, stdout, stderr } = await this.trySsh(name, script);
    if (code !== 0) throw new Error(`on ${name} a script ended with ${code}\n${script}\n${stdout}\n${stderr}`);
    return stdout;
  }

  async tryKubectl(args: readonly string[], input = ""): Promise<Ended> {
    const began = performance.now();
    const kubectl = binaryPath("kubernetes", "kubectl");
    const cache = ["--cache-dir", join(stateDir, "kube-cache")];
    const ended = await runProcess(kubectl, ["--kubeconfig", this.kubeconfig, ...cache, ...args], { input });
    return { ...ended, seconds: (performance.now() - began) / 1000 };
  }

  async kubectl(args: readonly string[], input = ""): Promise<string> {
    const ended = await this.tryKubectl(args, input);
    if (ended.code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${ended.code}\n${ended.stderr}`);
    return ended.stdout;
  }

  /** etcdctl on a host, against its own member. */
  async etcdctl(name: string, args: string): Promise<string> {
    const pki = "/etc/kubernetes/pki/etcd";
    const identity = `--cacert ${pki}/ca.crt --cert ${pki}/server.crt --key ${pki}/server.key`;
    return this.ssh(name, `etcdctl --endpoints https://127.0.0.1:2379 ${identity} ${args}`);
  }

  /** The host whose etcd member leads, and the others that have one; asked of a host that lives. */
  async members(asked: string): Promise<{ leader: string; followers: string[] }> {
    const answer = await this.etcdctl(asked, "endpoint status --cluster --write-out json");
    const found = JSON.parse(answer) as {
      Endpoint: string;
      Status: { header: { member_id: number }; leader: number };
    }[];
    const nameOf = (endpoint: string) =>
      this.hosts.find(({ address }) => endpoint.includes(`//${address}:`))?.name ?? endpoint;
    const leads = found.find(({ Status: { header, leader } }) => header.member_id === leader);
    if (leads === undefined) throw new Error(`no etcd member of ${this.name} leads`);
    const others = found.filter((member) => member !== leads);
    return { leader: nameOf(leads.Endpoint), followers: others.map(({ Endpoint }) => nameOf(Endpoint)) };
  }

  /** Begins constant writes through the stack's endpoint; they end with the hosts at the latest. */
  async write(options: Partial<WriterOptions> = {}): Promise<ConstantWriter> {
    const writer = await ConstantWriter.start({ kubeconfig: this.kubeconfig, ...options });
    this.#writers.push(writer);
    return writer;
  }

  /** Takes away the hosts and every note of the stack. May be called again, and of hosts that are not there. */
  async remove(): Promise<void> {
    for (const writer of this.#writers.splice(0)) await writer.stop();
    for (const { name, address } of this.hosts) {
      await removeHost(name);
      forgetHostKey({ root, stateDir }, address);
    }
    for (const file of [`${this.name}.kubeconfig`, `${this.name}.unavailable.json`, `test-own-${this.name}.yaml`])
      rmSync(join(stateDir, file), { force: true });
  }
}

/** Makes hosts, tells a story on them, and takes them away, also when the story fails. */
export async function withOwnHosts(
  options: OwnHostsOptions,
  story: (own: OwnHosts) => Promise<void>,
  log?: (line: string) => void,
): Promise<void> {
  const own = await OwnHosts.make(options, log);
  try {
    await story(own);
  } finally {
    await own.remove();
  }
}
