import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { startIssuer, type TokenIssuer } from "../cluster/token-issuer.ts";
import { type CisCheck, cisRows, flagFault, kubeletFault } from "../plan/control-plane/cis-table.ts";

const host = "hard-1";
const machine = "10.210.0.1";
const auditLog = "/var/log/kubernetes/audit/audit.log";
const password = "open-sesame-of-the-test";
let own: OwnHosts;
let issuer: TokenIssuer;

beforeAll(async () => {
  own = await OwnHosts.make({ name: "hardening", hosts: { [host]: "10.210.0.31" } });
  issuer = await startIssuer(machine);
  // The log has a small disk of its own, so that it can be filled.
  await own.ssh(
    host,
    "mkdir -p /var/log/kubernetes/audit; mount -t tmpfs -o size=24m,mode=700 tmpfs /var/log/kubernetes/audit",
  );
  await own.up();
  await own.kubectl(["create", "secret", "generic", "proof", `--from-literal=password=${password}`]);
  await own.kubectl(["create", "configmap", "proof", `--from-literal=text=${password}`]);
});
afterAll(async () => {
  issuer.stop();
  await own.remove();
});

/** An object as it lies in etcd. */
const raw = (kind: string) =>
  own
    .etcdctl(host, `get /registry/${kind}/default/proof --print-value-only | base64 -w0`)
    .then((text) => Buffer.from(text, "base64").toString("latin1"));
const read = async () => {
  const data = await own.kubectl(["get", "secret", "proof", "--output", "jsonpath={.data.password}"]);
  return Buffer.from(data, "base64").toString();
};
const status = (path: string, more = "") =>
  own.ssh(host, `curl -sk -o /dev/null -w '%{http_code}' ${more} https://10.210.0.31:6443${path}`);

describe("a host that up has made", () => {
  it("keeps Secrets in etcd so that nobody reads them there, and nothing else of it", async () => {
    expect(await raw("secrets")).toMatch(/^k8s:enc:secretbox:v1:secretbox-1-[0-9a-f]{8}:/);
    expect(await raw("secrets")).not.toContain(password);
    expect(await raw("configmaps")).toContain(password);
    expect(await read()).toBe(password);
    const modes = await own.ssh(host, "cd /etc/kubernetes/quorum/encryption; stat -c '%a %U %n' . config.yaml keys");
    expect(modes.trim().split("\n")).toEqual(["700 root .", "600 root config.yaml", "600 root keys"]);
  });

  it("answers probes without a sign-in, and nothing else", async () => {
    for (const path of ["/livez", "/readyz", "/healthz"]) expect(await status(path), path).toBe("200");
    for (const path of ["/version", "/api", "/metrics", "/api/v1/namespaces/kube-public/configmaps/cluster-info"])
      expect(await status(path), path).toBe("401");
    expect(await status("/api", "-H 'Authorization: Bearer abcdef.0123456789abcdef'")).toBe("401");
  });

  it("is as docs/cis-benchmark.md says, item by item", async () => {
    const faults: string[] = [];
    const flags = new Map<string, ReadonlyMap<string, string>>();
    for (const part of ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"]) {
      const words = await own.ssh(host, `tr '\\0' '\\n' < /proc/$(pgrep -xo ${part.slice(0, 15)})/cmdline`);
      const pairs = words.split("\n").filter((word) => word.startsWith("--"));
      flags.set(part, new Map(pairs.map((word) => [word.replace(/=.*/s, ""), word.replace(/^[^=]*=/, "")])));
    }
    const kubelet = parse(await own.ssh(host, "cat /var/lib/kubelet/config.yaml")) as Record<string, unknown>;
    for (const { item, check } of cisRows()) {
      if (check === undefined) continue;
      const fault =
        "program" in check
          ? flagFault(check, flags.get(check.program) ?? new Map())
          : (kubeletFault(check, kubelet) ?? (await fileFault(check)));
      if (fault !== undefined) faults.push(`${item}: ${fault}`);
    }
    expect(faults).toEqual([]);
  });

  it("writes down who did what, and no secret", async () => {
    const text = await own.ssh(host, `cat ${auditLog}`);
    expect(text).not.toContain(password);
    expect(text).not.toContain(Buffer.from(password).toString("base64"));
    const events = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, Record<string, unknown>>);
    const made = events.find(
      ({ objectRef, verb }) =>
        String(verb) === "create" && objectRef?.["resource"] === "secrets" && objectRef["name"] === "proof",
    );
    expect(made).toMatchObject({
      level: "Metadata",
      user: { username: "kubernetes-admin" },
      responseStatus: { code: 201 },
    });
    expect(
      events.some(
        ({ objectRef, requestObject }) => objectRef?.["resource"] === "clusterroles" && requestObject !== undefined,
      ),
    ).toBe(true);
    expect(events.filter(({ objectRef }) => objectRef?.["resource"] === "events")).toEqual([]);
  });

  it("goes on when the disk of the log is full, counts what it could not write, and writes again when there is room", async () => {
    const errors = async () => {
      const metrics = await own.kubectl(["get", "--raw", "/metrics"]);
      return Number(/^apiserver_audit_error_total\{plugin="log"\} (\d+)/m.exec(metrics)?.[1] ?? 0);
    };
    await own.trySsh(host, "dd if=/dev/zero of=/var/log/kubernetes/audit/filler bs=1M 2>/dev/null; true");
    for (let at = 0; at < 5; at++) await own.kubectl(["create", "configmap", `full-${at}`]);
    expect(await errors()).toBeGreaterThan(0);
    expect(await status("/readyz")).toBe("200");
    await own.ssh(host, "rm /var/log/kubernetes/audit/filler");
    await own.kubectl(["create", "configmap", "after"]);
    expect(await own.ssh(host, `grep -c '"name":"after"' ${auditLog}`)).not.toBe("0\n");
  });
});

describe("changed by another up", () => {
  it("takes an identity provider's people, a new key, and another kind to encrypt", async () => {
    own.change({
      controlPlane: {
        issuers: {
          login: {
            url: issuer.url,
            audiences: ["kubernetes"],
            groupsClaim: "groups",
            certificateAuthority: issuer.certificate,
          },
        },
        encryption: { keyGeneration: 2, resources: ["configmaps", "secrets"] },
      },
    });
    await own.up();
    for (const kind of ["secrets", "configmaps"]) {
      expect(await raw(kind)).toMatch(/^k8s:enc:secretbox:v1:secretbox-2-[0-9a-f]{8}:/);
      expect(await raw(kind)).not.toContain(password);
    }
    expect(await read()).toBe(password);
    expect(await own.ssh(host, "cut -d- -f1,2 /etc/kubernetes/quorum/encryption/keys")).toBe("secretbox-2\n");
    const logs = await own.ssh(
      host,
      "cat /var/log/pods/kube-system_kube-apiserver*/*/*.log /var/lib/quorum/steps/*.stdout",
    );
    expect(logs).not.toContain((await own.ssh(host, "cut -d' ' -f2 /etc/kubernetes/quorum/encryption/keys")).trim());
  });

  it("knows people by that provider's tokens, and no one as Kubernetes' own", async () => {
    const whoami = async (claims: Record<string, unknown>) => {
      const { stdout } = await own.trySsh(
        host,
        `curl -sk -w '\\n%{http_code}' -X POST -H 'Content-Type: application/json' -H 'Authorization: Bearer ${issuer.token(claims)}' -d '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}' https://10.210.0.31:6443/apis/authentication.k8s.io/v1/selfsubjectreviews`,
      );
      return stdout;
    };
    const alice = { sub: "alice", aud: "kubernetes", groups: ["platform-team"] };
    const answer = await whoami(alice);
    expect(answer).toMatch(/201$/);
    expect(answer).toMatch(/"username": ?"login:alice"/);
    expect(answer).toContain('"platform-team"');
    expect(await whoami({ ...alice, aud: "another" })).toMatch(/401$/);
    expect(await whoami({ ...alice, groups: ["system:masters"] })).toMatch(/401$/);
    expect(await whoami({ ...alice, exp: 1 })).toMatch(/401$/);
  });

  it("turns encryption off so that everything is in plain again, and no key is left", async () => {
    own.change({ controlPlane: { encryption: { provider: "identity", resources: ["configmaps", "secrets"] } } });
    await own.up();
    expect(await raw("secrets")).toContain(password);
    expect(await raw("configmaps")).toContain(password);
    expect(await own.ssh(host, "wc -c < /etc/kubernetes/quorum/encryption/keys")).toBe("0\n");
    expect(await read()).toBe(password);
  });

  it.each([
    ["apiServer", "kube-apiserver", "unknown flag: --no-such-flag"],
    ["scheduler", "kube-scheduler", "unknown flag: --no-such-flag"],
    ["etcd", "etcd", "flag provided but not defined: -no-such-flag"],
  ])("takes no wrong flag of %s: it says so, and runs on as before", async (part, program, said) => {
    own.change({ controlPlane: { flags: { [part]: { "no-such-flag": "1" } } } });
    const ended = await own.tryUp();
    expect(ended.code, `${ended.stdout}${ended.stderr}`).not.toBe(0);
    expect(`${ended.stdout}${ended.stderr}`).toContain(
      `${program} of ${host} is not ready with its changed settings; its last words are above`,
    );
    expect(`${ended.stdout}${ended.stderr}`).toContain(said);
    expect(await read()).toBe(password);
    expect(await own.ssh(host, `cat /etc/kubernetes/manifests/${program}.yaml`)).not.toContain("no-such-flag");
  });

  it("takes no wrong setting of its kubelet either", async () => {
    own.change({ controlPlane: {}, each: { [host]: { kubelet: { tlsCipherSuites: ["TLS_NONSENSE"] } } } });
    const ended = await own.tryUp();
    expect(ended.code).not.toBe(0);
    expect(`${ended.stdout}${ended.stderr}`).toContain(`the kubelet of ${host} does not run with its changed settings`);
    expect(await own.ssh(host, "cat /var/lib/kubelet/config.yaml")).not.toContain("TLS_NONSENSE");
  });

  it("goes on once the settings are right, and encrypts again", async () => {
    own.change({ controlPlane: {}, each: {} });
    await own.up();
    expect(await raw("secrets")).toMatch(/^k8s:enc:secretbox:v1:secretbox-1-/);
    expect(await read()).toBe(password);
    await own.kubectl(["wait", "--for=condition=Ready", `node/${host}`, "--timeout=60s"]);
  });
});

async function fileFault(check: CisCheck): Promise<string | undefined> {
  if (check.kind !== "mode" && check.kind !== "owner" && check.kind !== "text") return undefined;
  const { kind, path, value } = check;
  if (kind === "text")
    return (await own.ssh(host, `cat ${path}`)).includes(value) ? undefined : `${path} lacks ${value}`;
  const is = (await own.ssh(host, `stat -c '${kind === "mode" ? "%a" : "%U:%G"}' ${path}`)).trim();
  if (kind === "owner") return is === value ? undefined : `${path} is ${is}'s`;
  // Or more restrictive: no bit that the benchmark does not allow.
  return (parseInt(is, 8) & ~parseInt(value, 8)) === 0 ? undefined : `${path} has mode ${is}`;
}
