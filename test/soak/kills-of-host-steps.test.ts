import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { behindBalancer, faultsOf, holdersOf } from "../cluster/host-loss.ts";
import { killedWhen } from "../cluster/killed.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { eventually } from "../cluster/quorum.ts";

const say = (line: string) => process.stderr.write(`${line}\n`);

/** What a host is like, apart from what only a clock or a key decides; a step that was left half done shows in it. */
const stateScript = `cd /etc/kubernetes
find . -type f | grep -v -e '\\.old$' -e /quorum/encryption/ -e '/tmp/' | sort
sha256sum manifests/*.yaml | grep -v -e keepalived
sha256sum quorum/*.applied
[ ! -e quorum/join ] || echo joining
ls quorum/held 2>/dev/null || true
for name in apiserver apiserver-etcd-client etcd/server etcd/peer; do openssl verify -CAfile pki/$(dirname $name | sed 's|^\\.$||')/ca.crt pki/$name.crt 2>/dev/null || openssl verify -CAfile pki/etcd/ca.crt pki/$name.crt; done
ls /var/lib/quorum/steps | grep sha256`;

const state = (own: OwnHosts, host: string) => own.ssh(host, stateScript);
const nodes = (own: OwnHosts) =>
  own.kubectl([
    ...["get", "nodes", "--output"],
    'jsonpath={range .items[*]}{.metadata.name} {.spec.taints} {.metadata.labels}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}',
  ]);

describe("one host", () => {
  const host = "killed-1";
  const options = { name: "killed", hosts: { [host]: "10.210.0.24" } };
  let own: OwnHosts;
  beforeAll(async () => {
    own = await OwnHosts.make(options, say);
  });
  afterAll(async () => own.remove());

  test.each(["prepare", "network", "init", "kubeconfig", "node", "encrypt"])(
    "up is killed by SIGKILL in its step %s",
    async (step) => {
      await killedWhen(["up", ...own.flags()], new RegExp(`step control-plane-(${host}-)?${step} on`));
    },
  );

  test("run again, it ends as on a host where nobody killed it", async () => {
    await own.up();
    const killed = [await state(own, host), await nodes(own)];
    await own.remove();
    own = await OwnHosts.make(options, say);
    await own.up();
    expect(killed).toEqual([await state(own, host), await nodes(own)]);
    expect((await own.up()).stdout).toMatch(/^nothing to change: /m);
  });

  test.each([
    ["makes certificates and kubeconfigs anew", 400],
    ["makes certificates and kubeconfigs anew", 4000],
    ["makes certificates and kubeconfigs anew", 9000],
    ["signs what the kubelet of", 400],
    ["forgets the old administrator's kubeconfig", 100],
  ])("renew is killed as it %s, after %i ms; run again, it ends in the same state", async (step, moment) => {
    const whole = await state(own, host);
    const serial = () => own.ssh(host, "openssl x509 -noout -serial -in /etc/kubernetes/pki/apiserver.crt");
    const before = await serial();
    await killedWhen(["control-plane", "renew", ...own.flags()], new RegExp(`\\d/\\d ${host}: ${step}`), moment);
    await own.operate("renew");
    await own.up();
    expect(await state(own, host)).toBe(whole);
    expect(await serial()).not.toBe(before);
  });
});

describe("three hosts", () => {
  let own: OwnHosts;
  const options = behindBalancer("killed3");
  const [first = "", , victim = ""] = Object.keys(options.hosts);
  beforeAll(async () => {
    own = await OwnHosts.make(options, say);
    await own.up();
  });
  afterAll(async () => own.remove());

  test("replace is killed at each step, of its own and of the up that ends it; run again, it ends in the same state", async () => {
    const whole = [await state(own, first), await state(own, victim), await nodes(own)];
    const writer = await own.write();
    await writer.progress(50, 60);
    await own.kill(victim);
    await own.remake(victim);
    for (const [when, moment] of [
      [/1\/3 /, 100],
      [/2\/3 /, 400],
      [/3\/3 /, 400],
      [new RegExp(`step control-plane-${victim}-prepare on`), 400],
      [new RegExp(`step control-plane-${victim}-ticket on`), 200],
      [new RegExp(`step control-plane-${victim}-join on`), 3000],
      [new RegExp(`step control-plane-${victim}-node on`), 100],
    ] as const) {
      const began = performance.now();
      await killedWhen(["control-plane", "replace", victim, ...own.flags()], when, moment);
      say(`killed at ${String(when)} after ${Math.round((performance.now() - began) / 1000)} s`);
    }
    await own.operate("replace", victim);
    await eventually("three voting members", 120, async () => {
      const { followers } = await own.members(first);
      return followers.length === 2 ? true : undefined;
    });
    expect([await state(own, first), await state(own, victim), await nodes(own)]).toEqual(whole);
    expect(await holdersOf(own)).toHaveLength(1);
    await writer.progress(50, 60);
    expect(await faultsOf(writer)).toEqual([]);
  });
});
