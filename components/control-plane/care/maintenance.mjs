// Runs in the cluster: makes the database files of etcd's members small again where it is worth it, one at a time, the leader last.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { etcdClient } from "./etcd.mjs";
import { figuresText, lentPrograms, main, noted, putFile, say, seconds } from "./programs.mjs";

const mebibyte = 1024 * 1024;
/** Seconds that a member gets to answer again after its defragmentation. */
const settleSeconds = 60;

/** The rule: above a share of the quota, or with so much of the file unused. */
export function needsDefrag({ dbSize, dbSizeInUse, quota }, { quotaPercent, freeMiB }) {
  return (quota > 0 && dbSize > (quota * quotaPercent) / 100) || dbSize - dbSizeInUse > freeMiB * mebibyte;
}

function sizes({ dbSize, dbSizeInUse }) {
  const show = (bytes) => `${(bytes / mebibyte).toFixed(1)} MiB`;
  return `${show(dbSize)}, ${show(dbSizeInUse)} of it in use`;
}

/**
 * All members of a cluster, each of which must be well: a member that is blocked while another is gone may cost the quorum. That a
 * database is full keeps nothing back: it is what defragmentation is for.
 */
async function wellMembers(client, endpoints) {
  const found = [];
  for (const endpoint of endpoints) {
    await client.health(endpoint).catch((error) => {
      if (/NOSPACE/.test(error.message) && !/CORRUPT/.test(error.message)) return;
      throw new Error(`${endpoint} is not healthy, so nothing is defragmented: ${error.message}`);
    });
    found.push(await client.status(endpoint));
  }
  const [first] = found;
  for (const { endpoint, errors, leader } of found) {
    const others = errors.filter((error) => !/NOSPACE/.test(error));
    if (others.length > 0) throw new Error(`${endpoint} reports ${others.join(", ")}, so nothing is defragmented`);
    if (leader !== first.leader || leader === "" || leader === "0")
      throw new Error(`${endpoint} follows another leader than ${first.endpoint}, so nothing is defragmented`);
  }
  return found;
}

/** Waits until all are well again. */
async function settle(client, endpoints) {
  const until = Date.now() + settleSeconds * 1000;
  for (;;) {
    try {
      return await wellMembers(client, endpoints);
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(500);
    }
  }
}

/**
 * Defragments the members of one cluster that are worth it.
 *
 * Who leads is asked anew before each: a leader that changed meanwhile is still the last.
 *
 * @returns by endpoint, the sizes before and after
 * @throws when a member is not well, with the rest left as it is
 */
export async function maintain(client, { name, endpoints, rule, dryRun }) {
  let members = await wellMembers(client, endpoints);
  const known = await client.members(endpoints[0]);
  const strangers = known.filter(({ clientUrls }) => !clientUrls.some((url) => endpoints.includes(url)));
  if (strangers.length > 0)
    throw new Error(
      `${name} has members that quorum:controlPlane does not name: ${strangers.map(({ name: own, id }) => own || id).join(", ")}`,
    );
  const alarms = await client.alarms(endpoints[0]);
  for (const alarm of alarms) say(`${name} has an alarm: ${alarm}`);
  const result = new Map(
    members.map((member) => [
      member.endpoint,
      { before: member.dbSize, after: member.dbSize, needed: needsDefrag(member, rule), done: false },
    ]),
  );
  for (const member of members) say(`${name} ${member.endpoint}: ${sizes(member)}${member.leads ? ", leads" : ""}`);
  const waiting = new Set(members.filter((member) => needsDefrag(member, rule)).map(({ endpoint }) => endpoint));
  if (waiting.size === 0) say(`${name}: no member is worth it`);
  while (waiting.size > 0) {
    const next =
      members.find(({ endpoint, leads }) => waiting.has(endpoint) && !leads) ??
      members.find(({ endpoint }) => waiting.has(endpoint));
    waiting.delete(next.endpoint);
    if (dryRun) {
      say(`${name}: ${next.endpoint} would be defragmented${next.leads ? ", as the last, since it leads" : ""}`);
      continue;
    }
    say(`${name}: defragmenting ${next.endpoint}${next.leads ? ", the leader" : ""}`);
    const began = Date.now();
    await client.defrag(next.endpoint, 600);
    members = await settle(client, endpoints);
    const after = members.find(({ endpoint }) => endpoint === next.endpoint);
    result.set(next.endpoint, { ...result.get(next.endpoint), after: after.dbSize, done: true });
    say(
      `${name}: ${next.endpoint} took ${((Date.now() - began) / 1000).toFixed(1)} s: ${sizes(next)} before, ${sizes(after)} after`,
    );
  }
  await takeAlarmAway(client, { name, endpoint: endpoints[0], alarms, members, rule, dryRun });
  return result;
}

/** With room again writes may go on; without, the alarm would only come back, and each write until then makes it worse. */
async function takeAlarmAway(client, { name, endpoint, alarms, members, rule, dryRun }) {
  if (dryRun || !alarms.some((alarm) => alarm.includes("NOSPACE")) || alarms.some((alarm) => alarm.includes("CORRUPT")))
    return;
  if (members.some(({ dbSize, quota }) => quota > 0 && dbSize > (quota * rule.quotaPercent) / 100)) {
    say(`${name} is full still: see docs/runbooks/etcd-quota.md`);
    return;
  }
  await client.disarm(endpoint);
  say(`${name} has room again, so its alarm NOSPACE is taken away and it takes writes`);
}

/** When the certificate ends that a server shows. */
function servedUntil(host, port, tls, servername) {
  return new Promise((resolve, reject) => {
    // What it is checked by does not matter here: only when it ends.
    const socket = connect({
      host,
      port,
      ...tls,
      ...(servername && { servername }),
      rejectUnauthorized: false,
      timeout: 5000,
    });
    socket.once("secureConnect", () => {
      const { valid_to: until } = socket.getPeerCertificate();
      socket.destroy();
      resolve(seconds(new Date(until)));
    });
    socket.once("timeout", () => socket.destroy(new Error("no answer within 5 s")));
    socket.once("error", reject);
  });
}

/** The ends of the certificates that the control plane shows and is trusted by. */
export async function certificateEnds({ files, servers, tls }) {
  const own = tls && { cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
  const found = Object.entries(files).map(([certificate, path]) => {
    const ends = new Date(new X509Certificate(readFileSync(path)).validTo);
    return [{ certificate, host: "" }, seconds(ends)];
  });
  for (const { certificate, host, port } of servers) {
    try {
      found.push([{ certificate, host }, await servedUntil(host, port, own)]);
    } catch (error) {
      say(`the certificate of ${certificate} at ${host}:${port} cannot be looked at: ${error.message}`);
    }
  }
  return found;
}

/** What Prometheus is told of the last run. */
export function maintenanceFigures({ run: { time, succeeded }, good = {}, members = [], certificates = [] }) {
  const one = (help, value) => ({ help, samples: [[{}, value]] });
  const each = (help, key) => ({
    help,
    samples: members.map(({ etcd, member, ...values }) => [{ etcd, member }, Number(values[key])]),
  });
  return figuresText({
    quorum_etcd_maintenance_last_run_timestamp_seconds: one("When the last maintenance of etcd ended.", time),
    quorum_etcd_maintenance_last_run_succeeded: one(
      "Whether the last maintenance of etcd went well.",
      succeeded ? 1 : 0,
    ),
    quorum_etcd_maintenance_last_success_timestamp_seconds: one(
      "When a maintenance of etcd last went well.",
      good.time,
    ),
    quorum_etcd_maintenance_defrag_needed: each("Whether the member is worth a defragmentation.", "needed"),
    quorum_etcd_maintenance_defragmented: each("Whether the last run defragmented the member.", "done"),
    quorum_etcd_maintenance_size_before_bytes: each("Size of the member's database before the last run.", "before"),
    quorum_etcd_maintenance_size_after_bytes: each("Size of the member's database after the last run.", "after"),
    quorum_control_plane_certificate_end_timestamp_seconds: {
      help: "When a certificate of the control plane ends.",
      samples: certificates,
    },
  });
}

async function scheduled({ clusters, rule, dryRun, tls, certificates: looked, state, metrics }) {
  const note = join(state, "maintenance.json");
  const members = [];
  const failures = [];
  const client = etcdClient(await lentPrograms(), tls);
  const certificates = await certificateEnds({ ...looked, tls });
  for (const { name, endpoints } of clusters) {
    try {
      for (const [member, sizesOf] of await maintain(client, { name, endpoints, rule, dryRun })) {
        members.push({ etcd: name, member, ...sizesOf, needed: sizesOf.needed && !sizesOf.done });
      }
    } catch (error) {
      failures.push(error);
    }
  }
  const succeeded = failures.length === 0;
  const good = succeeded ? { time: seconds() } : noted(note).good;
  putFile(note, JSON.stringify({ good }));
  putFile(
    join(metrics, "quorum-etcd-maintenance.prom"),
    maintenanceFigures({ run: { time: seconds(), succeeded }, good, members, certificates }),
  );
  if (!succeeded) throw new Error(failures.map(({ message }) => message).join("; "));
}

if (import.meta.main) await main("etcd-maintenance", () => scheduled(JSON.parse(process.env["SETTINGS"])));
