import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { encryptionSteps, firstReads } from "../../../components/plan/control-plane/encryption.ts";
import type { EncryptionSettings } from "../../../components/plan/control-plane/hardening-settings.ts";
import { lines, prelude } from "../../../components/plan/shell.ts";
import { folder, Member, World } from "./encryption-world.ts";
import { settings } from "./settings.ts";

const by = (keyGeneration: number, more: Partial<EncryptionSettings> = {}): EncryptionSettings => ({
  provider: "secretbox",
  resources: ["secrets"],
  keyGeneration,
  ...more,
});

describe("on three members", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.remove());

  it("a cluster begins with one key that all have, and nothing is left to do", () => {
    world.begin(by(1));
    const [key] = world.members[0]?.keysOf("secrets") ?? [];
    expect(key).toMatch(/^secretbox-1-[0-9a-f]{8}$/);
    for (const member of world.members) expect(member.keysOf("secrets")).toEqual([key, "identity"]);
    world.up(by(1));
    expect(world.keys).toEqual([["identity"], [key]]);
  });

  it("a new key is made, everything is written by it, and the old one is forgotten everywhere", () => {
    world.begin(by(1));
    const [old] = world.members[0]?.keysOf("secrets") ?? [];
    world.up(by(2));
    const [made] = world.members[0]?.keysOf("secrets") ?? [];
    expect(made).toMatch(/^secretbox-2-/);
    expect(world.keys[1]).toEqual([made]);
    for (const member of world.members) expect(member.host.read(`${folder}/keys`)).not.toContain(`${old} `);
  });

  it("is turned off, and on again by another key of the same name", () => {
    world.begin(by(1));
    const [old] = world.members[0]?.keysOf("secrets") ?? [];
    world.up(by(1, { provider: "identity" }));
    expect(world.keys).toEqual([["identity"], ["identity"]]);
    for (const member of world.members) expect(member.host.read(`${folder}/keys`)).toBe("");
    world.up(by(1));
    expect(world.keys[1]?.[0]).toMatch(/^secretbox-1-/);
    expect(world.keys[1]).not.toEqual([old]);
  });

  it("another kind is encrypted, and let go of", () => {
    world.begin(by(1));
    world.up(by(1, { resources: ["configmaps", "secrets"] }));
    expect(world.keys[0]).toEqual(world.keys[1]);
    world.up(by(1));
    expect(world.keys[0]).toEqual(["identity"]);
  });

  it("nothing is forgotten while an object cannot be written anew", () => {
    world.begin(by(1));
    const old = world.members[0]?.keysOf("secrets")[0];
    world.members[0]?.host.write("broken", "");
    expect(() => world.up(by(2))).toThrow("could not be written anew by the key secretbox-2, so the earlier keys stay");
    for (const member of world.members) expect(member.keysOf("secrets")).toContain(old);
    rmSync(`${world.members[0]?.host.root}/broken`);
    world.up(by(2));
    expect(world.keys[1]?.[0]).toMatch(/^secretbox-2-/);
  });

  it("a run that was cut short and then taken back leaves every object readable", () => {
    world.begin(by(1));
    // The key is made and known everywhere, and one member writes by it.
    world.up(by(2), 6);
    world.up(by(1));
    world.up(by(1, { provider: "aescbc" }));
    expect(world.keys[1]?.[0]).toMatch(/^aescbc-1-/);
  });

  it("a key that one member has forgotten already comes back as the same new one for all", () => {
    world.begin(by(1));
    // Everything is written by the other provider, and one member has forgotten the first key.
    world.up(by(1, { provider: "aescbc" }), 9);
    world.up(by(1));
    world.up(by(1));
    expect(world.keys[1]).toHaveLength(1);
    expect(world.keys[1]?.[0]).toMatch(/^secretbox-1-/);
  });

  it("keys are for nobody but root, and in nothing that a step prints", () => {
    world.begin(by(1));
    for (const { host } of world.members) {
      const secret = host.read(`${folder}/keys`).trim().split(" ")[1] ?? "none";
      expect(Buffer.from(secret, "base64")).toHaveLength(32);
      expect([...world.members].flatMap(({ stamps }) => [...stamps.values()]).join()).not.toContain(secret);
    }
  });
});

it("one member alone takes the new key at once, without a round for others", () => {
  const member = new Member();
  const context = { settings: settings(), plan: planControlPlane(settings()) };
  member.host.run(lines(prelude, firstReads(context)));
  expect(member.keysOf("secrets")[0]).toMatch(/^secretbox-1-/);
  expect(encryptionSteps(context).map(({ action }) => action)).toEqual(["encrypt"]);
  rmSync(member.host.root, { recursive: true });
});

describe("on a host with two API servers", () => {
  const input = settings({ goal: "control-plane-redundancy", endpoint: "k8s.example.com:8443", encryption: by(2) });
  const context = { settings: input, plan: planControlPlane(input) };
  const config = "apiserver_encryption_config_controller_last_config_info";
  let member: Member;
  beforeEach(() => {
    member = new Member();
    member.host.write("etc/kubernetes/manifests/kube-apiserver2.yaml", "--encryption-provider-config=x");
  });
  afterEach(() => rmSync(member.host.root, { recursive: true }));
  /** API servers that have taken the file, by their ports. */
  const taken = (...ports: number[]) => {
    const sum = `$(sha256sum < ${member.host.root}/${folder}/config.yaml | cut -d' ' -f1)`;
    const answers = ports.map((port) => `*:${port}*metrics*) echo "${config}{hash=\\"sha256:${sum}\\"} 1" ;;`);
    member.host.program("kubectl", ["case $* in", ...answers, "esac"].join("\n"));
  };
  const read = () => member.host.run(lines(prelude, "export KUBECONFIG=x", firstReads(context)));

  it("each is asked whether it has taken the keys", () => {
    const ports = context.plan.apiServers.map(({ ports: { api } }) => api);
    expect(ports).toEqual([6443, 6453]);
    taken(...ports);
    read();
    const asked = member.host.calls("kubectl");
    for (const port of ports) expect(asked).toContain(`kubectl --server https://192.0.2.11:${port} get --raw /metrics`);
  });

  it("the second alone that has not is named, and nothing goes on", () => {
    taken(6443);
    expect(read).toThrow(/API server 2 of a does not take the keys in .* after 150 s/);
  });

  it("one that is not made yet is not waited for: it reads the file when it starts", () => {
    rmSync(`${member.host.root}/etc/kubernetes/manifests/kube-apiserver2.yaml`);
    taken(6443);
    read();
  });
});
