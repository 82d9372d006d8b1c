import { describe, expect, it } from "vitest";
import { makeIdentity } from "../../../components/control-plane/care/age.mjs";
import {
  careEndpoints,
  careImages,
  careOf,
  carePart,
  careRules,
  type CareSettings,
  careWarnings,
  certificateServers,
  type EtcdBackupSettings,
  storePort,
  withoutCare,
} from "../../../components/plan/control-plane/care.ts";
import { careProblems } from "../../../components/plan/control-plane/care-checks.ts";
import type { KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import { members, settings } from "./settings.ts";

const { recipient, identity } = makeIdentity();
const timed = { schedule: "17 * * * *", timeZone: "Etc/UTC" };
const s3 = {
  endpoint: "https://s3.example.com",
  bucket: "prod",
  region: "eu",
  provider: "Other",
  accessKeyId: "id",
  secretAccessKey: "hush",
};
const care = {
  backup: { ...timed, recipients: [recipient], store: { s3 }, keep: { last: 24, days: 30 } },
  maintenance: { ...timed, enabled: true, quotaPercent: 80, freeMiB: 200, dryRun: false },
  drill: { ...timed, enabled: true, memoryMiB: 1024 },
} satisfies CareSettings;

/** A control plane with this care. */
function cared(more: CareSettings = care, of: KubeadmSettings = settings()) {
  return { mode: "kubeadm" as const, ...of, etcd: { ...of.etcd, ...more } };
}

const to = ({ connections }: ReturnType<typeof carePart>, app: string) =>
  connections
    .filter(({ from }) => "app" in from && from.app === app)
    .map(
      ({ to: end, port }) =>
        `${"addresses" in end ? end.addresses.join() : "subnet" in end ? end.subnet : end.kind}:${port}`,
    )
    .sort();

describe("the care of etcd", () => {
  it("is all that is asked for, and a drill only of a backup", () => {
    expect(Object.values(careOf(cared())).every((one) => one !== undefined)).toBe(true);
    expect(careOf(cared({ drill: care.drill }))).toEqual({
      backup: undefined,
      maintenance: undefined,
      drill: undefined,
    });
    expect(careOf(cared({ maintenance: { ...care.maintenance, enabled: false } })).maintenance).toBeUndefined();
    expect(careOf({ mode: "existing" })).toEqual({});
  });

  it("asks every member, wherever the plan has it, and looks at every certificate", () => {
    const three = cared(care, members(3, { endpoint: "k8s.example.com:6443" }));
    expect(careEndpoints(three)).toEqual({
      main: ["https://192.0.2.1:2379", "https://192.0.2.2:2379", "https://192.0.2.3:2379"],
      events: [],
    });
    expect(certificateServers(three)).toHaveLength(9);
    const own = cared(care, settings({ etcd: { events: "own", quotaMiB: 2048, roundTripMillis: 10 } }));
    expect(careEndpoints(own).events).toEqual(["https://192.0.2.11:2479"]);
  });

  it("reaches etcd and its store, and nothing else", () => {
    const part = carePart(cared());
    expect(part.parties.map(({ place, app }) => `${place}/${app}`)).toEqual([
      "agents/etcd-backup",
      "agents/etcd-maintenance",
      "agents/restore-drill",
    ]);
    expect(to(part, "etcd-backup")).toEqual(["0.0.0.0/0:443", "192.0.2.11:2379"]);
    expect(to(part, "etcd-maintenance")).toEqual(["192.0.2.11:2379", "192.0.2.11:2380", "192.0.2.11:6443"]);
    expect(to(part, "restore-drill")).toEqual(["0.0.0.0/0:443"]);
    const folder = carePart(cared({ ...care, backup: { ...care.backup, store: { folder: "/mnt" } } }));
    expect(to(folder, "restore-drill")).toEqual([]);
    const near = { ...s3, outbound: { subnet: "192.0.2.0/24", port: 9000, protocol: "TCP" as const } };
    expect(to(carePart(cared({ ...care, backup: { ...care.backup, store: { s3: near } } })), "restore-drill")).toEqual([
      "192.0.2.0/24:9000",
    ]);
    expect(carePart({ mode: "existing" }).parties).toEqual([]);
  });

  it.each([
    ["https://s3.example.com", 443],
    ["http://10.0.0.1:9000", 9000],
    ["http://10.0.0.1", 80],
  ])("finds the port of %s", (endpoint, port) => expect(storePort(endpoint)).toBe(port));

  it("needs rclone for an object store alone", () => {
    expect(careImages(cared())).toEqual(["node", "etcd", "rclone"]);
    expect(careImages(cared({ maintenance: care.maintenance }))).toEqual(["node", "etcd"]);
    expect(careImages(cared({}))).toEqual([]);
    expect(careImages(withoutCare(cared(), { backup: true }))).toEqual(["node", "etcd"]);
  });

  it("tells its alerts how old each task's success may get", () => {
    const rules = careRules(cared({ ...care, drill: { ...care.drill, schedule: "47 3 * * *" } }));
    expect(rules).toMatch(/max_age_seconds\n\s+expr: vector\(7800\)\n\s+labels:\n\s+task: backup/);
    // A day, an hour to begin in and an hour to take.
    expect(rules).toMatch(/max_age_seconds\n\s+expr: vector\(93600\)\n\s+labels:\n\s+task: drill/);
  });
});

describe("warnings", () => {
  it.each([
    ["no backup", cared({ maintenance: care.maintenance }), true, /backup is not set: nothing is left/],
    ["no drill", cared({ ...care, drill: { ...care.drill, enabled: false } }), true, /drill is off/],
    ["nobody who looks at the figures", cared(), false, /is watched by no alert/],
  ])("tell of %s", (_, controlPlane, watched, text) => {
    expect(careWarnings(controlPlane, watched)).toEqual([expect.stringMatching(text)]);
  });

  it("are none where all is done, on local hosts and on another's cluster", () => {
    expect(careWarnings(cared(), true)).toEqual([]);
    expect(careWarnings(cared({}, settings({ local: true })), true)).toEqual([]);
    expect(careWarnings({ mode: "existing" }, false)).toEqual([]);
  });
});

describe("what cannot be", () => {
  const problems = (more: Partial<EtcdBackupSettings>, local = false, localPath = true) =>
    careProblems({ local, etcd: { ...care, backup: { ...care.backup, ...more } } }, { localPath }).map(
      ({ key, text }) => `${key} ${text}`,
    );

  it("is nothing of what is usual", () => {
    expect(problems({})).toEqual([]);
    expect(problems({ recipients: [] }, true)).toEqual([]);
    expect(problems({ store: { claim: { storageGiB: 9, className: "network" } } })).toEqual([]);
    expect(problems({ store: { claim: { storageGiB: 9 } } }, false, false)).toEqual([]);
    expect(problems({ store: { claim: { storageGiB: 9 } } }, true)).toEqual([]);
  });

  it.each<[string, Partial<EtcdBackupSettings>, RegExp]>([
    ["no recipient", { recipients: [] }, /^quorum:controlPlane\.etcd\.backup\.recipients is empty, but .*keygen FILE/],
    [
      "a private key",
      { recipients: [recipient, identity] },
      /^quorum:controlPlane\.etcd\.backup\.recipients\.1 is the private half of a key, but it must be the public one/,
    ],
    [
      "a slip",
      { recipients: [`${recipient.slice(0, -1)}b`] },
      /recipients\.0 is no public key of age, .*; copy it again/,
    ],
    ["an SSH key", { recipients: ["ssh-ed25519 AAAA"] }, /make a key of age's own/],
    ["no store", { store: {} }, /\.store has none of folder, nfs, claim, s3, but it must have one of them/],
    ["two stores", { store: { folder: "/mnt", s3 } }, /\.store has folder and s3 of /],
    [
      "a volume on the host",
      { store: { claim: { storageGiB: 9 } } },
      /className is missing, but a volume of local-path/,
    ],
    [
      "a volume on the host, by name",
      { store: { claim: { storageGiB: 9, className: "local-path" } } },
      /className is "local-path", but a volume of local-path/,
    ],
    [
      "no schedule",
      { schedule: "61 * * * *" },
      /^quorum:controlPlane\.etcd\.backup\.schedule is "61 \* \* \* \*", but/,
    ],
    ["no time zone", { timeZone: "Europe/Nowhere" }, /backup\.timeZone is "Europe\/Nowhere", but/],
  ])("is refused by its key, with the fix: %s", (_, more, text) => {
    const found = problems(more);
    expect(found).toEqual([expect.stringMatching(text)]);
    expect(found.join()).not.toContain(identity.slice(20, 40));
  });

  it("is told all at once", () => {
    const etcd = {
      ...care,
      backup: { ...care.backup, recipients: [identity], store: {}, schedule: "x" },
      maintenance: { ...care.maintenance, schedule: "y" },
      drill: { ...care.drill, schedule: "z" },
    };
    expect(careProblems({ local: false, etcd }, { localPath: true })).toHaveLength(5);
  });
});
