import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { expect } from "vitest";
import { parse } from "yaml";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import {
  beginEncryption,
  encryptionSteps,
  firstReads,
  memberReads,
  sealEncryption,
} from "../../../components/plan/control-plane/encryption.ts";
import type { EncryptionSettings } from "../../../components/plan/control-plane/hardening-settings.ts";
import type { StepContext } from "../../../components/plan/control-plane/host-steps.ts";
import { lines, prelude } from "../../../components/plan/shell.ts";
import { FakeHost } from "./fake-host.ts";
import { members } from "./settings.ts";

export const folder = "etc/kubernetes/quorum/encryption";

interface Configuration {
  readonly resources: readonly {
    readonly resources: readonly [string];
    readonly providers: readonly Record<string, { readonly keys?: readonly { name: string; secret: string }[] }>[];
  }[];
}

/** A member: its files, and what its API server would do by them. It takes a changed file at once. */
export class Member {
  readonly host = new FakeHost();
  /** What an engine remembers of steps that it carried out here. */
  readonly stamps = new Map<string, string>();

  constructor() {
    this.host.write(`${folder}/.keep`, "");
    this.host.write("etc/kubernetes/manifests/kube-apiserver.yaml", "--encryption-provider-config=x");
    this.host.program(
      "kubectl",
      [
        `case "$*" in`,
        `  *metrics*) echo "apiserver_encryption_config_controller_last_config_info{hash=\\"sha256:$(sha256sum < ${this.host.root}/${folder}/config.yaml | cut -d' ' -f1)\\"} 1" ;;`,
        `  get*) echo '{}' ;;`,
        `  replace*) cat >/dev/null; [ ! -e ${this.host.root}/broken ] ;;`,
        `esac`,
      ].join("\n"),
    );
  }

  /** Runs a step unless the engine remembers the same one. @returns what it printed, remembered or not */
  step(name: string, script: string, stdin = ""): string {
    const known = createHash("sha256").update(`${script}\0${stdin}`).digest("hex");
    if (this.stamps.get(name) === known) return this.stamps.get(`${name} printed`) ?? "";
    const printed = this.host.run(script, stdin);
    this.stamps.set(name, known);
    this.stamps.set(`${name} printed`, printed);
    return printed;
  }

  /** Names of the keys that it tries for a kind, the one that it writes by first. */
  keysOf(kind: string): string[] {
    const { resources } = parse(this.host.read(`${folder}/config.yaml`)) as Configuration;
    const found = resources.find((each) => each.resources[0] === kind);
    if (found === undefined) return ["identity"];
    return found.providers.map((provider) => Object.values(provider)[0]?.keys?.[0]?.name ?? "identity");
  }
}

const kinds = ["configmaps", "secrets"];

/** Three members, and the objects of each kind by the keys that they are written by. */
export class World {
  readonly members = [new Member(), new Member(), new Member()];
  readonly #objects = new Map<string, Set<string>>(kinds.map((kind) => [kind, new Set()]));
  /** Steps until the next run is cut short. */
  #left = Infinity;

  begin(encryption: EncryptionSettings): void {
    const context = this.#context(encryption);
    const [first, ...others] = this.members as [Member, ...Member[]];
    first.host.run(lines(prelude, beginEncryption(context)));
    const ticket = first.host.run(this.#sealing(context));
    for (const [index, member] of others.entries()) member.host.run(this.#joining(context, index + 1, false), ticket);
    this.#live();
  }

  /** The steps of one `up`, as an engine carries them out, at most so many. */
  up(encryption: EncryptionSettings, steps = Infinity): void {
    this.#left = steps;
    const context = this.#context(encryption);
    const [first, ...others] = this.members as [Member, ...Member[]];
    const change = this.#step(first, "init", lines(prelude, "export KUBECONFIG=x", firstReads(context)));
    for (const [index, member] of others.entries()) {
      const ticket = this.#step(first, `ticket-${index}`, this.#sealing(context));
      this.#step(member, "join", this.#joining(context, index + 1, true), ticket);
    }
    for (const { host, action, script } of encryptionSteps(context)) {
      const member = this.members[context.plan.hosts.indexOf(host)];
      if (member !== undefined) this.#step(member, action, script.replace(/^exec 8>.*\n.*flock.*$/m, ""), change);
    }
  }

  get keys(): string[][] {
    return kinds.map((kind) => [...(this.#objects.get(kind) ?? [])].sort());
  }

  remove(): void {
    for (const { host } of this.members) rmSync(host.root, { recursive: true });
  }

  #context(encryption: EncryptionSettings): StepContext {
    const input = members(3, { encryption });
    return { settings: input, plan: planControlPlane(input) };
  }

  #sealing(context: StepContext): string {
    const at = `work=$(mktemp -d); trap 'rm -rf "$work"' EXIT`;
    return lines(prelude, at, ...sealEncryption(context, "$work"), `tar -C "$work" -cf - . | base64 -w0`);
  }

  #joining(context: StepContext, index: number, running: boolean): string {
    const host = context.plan.hosts[index];
    if (host === undefined) throw new Error("no such host");
    const ticket = "/etc/kubernetes/quorum/join";
    const open = `open_ticket() { mkdir -p ${ticket}; base64 -d | tar -C ${ticket} -xf -; }`;
    return lines(
      prelude,
      open,
      running ? "" : "open_ticket",
      memberReads(context, host, ticket, running),
      `rm -rf ${ticket}`,
    );
  }

  #step(member: Member, name: string, script: string, stdin = ""): string {
    if (this.#left <= 0) return "";
    this.#left -= 1;
    const printed = member.step(name, script, stdin);
    for (const call of member.host.calls("kubectl get ")) {
      const kind = call.split(" ")[2] ?? "";
      if (kinds.includes(kind)) this.#objects.set(kind, new Set([member.keysOf(kind)[0] ?? ""]));
    }
    this.#live();
    return printed;
  }

  /** Every member writes an object of every kind, and every member lists all of them. */
  #live(): void {
    for (const kind of kinds) {
      const objects = this.#objects.get(kind) ?? new Set();
      for (const member of this.members) objects.add(member.keysOf(kind)[0] ?? "");
      for (const member of this.members) expect(member.keysOf(kind)).toEqual(expect.arrayContaining([...objects]));
    }
  }
}
