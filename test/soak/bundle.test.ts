import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runProcess } from "../../engine/process.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { succeed } from "../cluster/quorum.ts";

const [first, second] = ["bundle-1", "bundle-2"] as const;
let own: OwnHosts;
let stick: string;

beforeAll(async () => {
  own = await OwnHosts.make({
    name: "bundle",
    hosts: { [first]: "10.210.0.33", [second]: "10.210.0.34" },
    each: { [second]: { role: "worker" } },
  });
  stick = mkdtempSync(join(tmpdir(), "stick-"));
});
afterAll(async () => {
  await own.remove();
  rmSync(stick, { recursive: true });
});

const bundle = () =>
  succeed([
    "plan",
    ...own.flags().filter((word) => !["--engine", "direct"].includes(word)),
    "--bundle",
    join(stick, "bundle"),
  ]);

/** Carries the folder to a host, runs it there as its README says, and takes it along again. @returns the last line */
async function visit(host: string): Promise<string> {
  const { stdout: folder } = await runProcess("bash", ["-c", `tar -C ${stick} -cf - bundle | base64 -w0`], {});
  const there = "~/stick";
  await own.ssh(host, `rm -rf ${there}; mkdir ${there}; base64 -d <<'END' | tar -C ${there} -xf -\n${folder}\nEND`);
  const said = await own.ssh(host, `bash ${there}/bundle/run.sh < /dev/null`);
  const back = await own.ssh(host, `tar -C ${there} -cf - bundle | base64 -w0; rm -rf ${there}`);
  await runProcess("bash", ["-c", `base64 -d | tar -C ${stick} -xf -`], { input: back });
  return said.trim().split("\n").at(-1) ?? "";
}

it("carried from host to host, it makes a cluster of bare machines that nobody reaches by SSH", async () => {
  await bundle();
  const visits: string[] = [];
  let at: string = first;
  for (;;) {
    visits.push(at);
    const last = await visit(at);
    if (last === "all steps are done") break;
    const [, next] = /go on at (\S+) /.exec(last) ?? [];
    if (next === undefined || visits.length > 10) throw new Error(`after ${visits.join(", ")}: ${last}`);
    at = next;
  }
  expect(visits).toEqual([first, second, first, second, first]);
  const nodes = await own.ssh(
    first,
    "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes --no-headers | awk '{print $1, $2}'",
  );
  expect(nodes.trim().split("\n")).toEqual([`${first} Ready`, `${second} Ready`]);
});

it("nothing that was carried is secret", async () => {
  const secrets = await own.ssh(
    first,
    "cat /etc/kubernetes/pki/ca.key /etc/kubernetes/pki/sa.key | grep -v -- -----; cut -d' ' -f2 /etc/kubernetes/quorum/encryption/keys",
  );
  const { stdout: carried } = await runProcess("bash", ["-c", `find ${stick} -type f -exec cat {} +`], {});
  for (const line of secrets.trim().split("\n")) expect(carried).not.toContain(line);
  expect(carried).not.toMatch(/PRIVATE KEY-----|client-key-data/);
});

it("made anew it has nothing to do, and after a change only what changed", async () => {
  await bundle();
  expect(await visit(first)).toBe("all steps are done");
  own.change({ controlPlane: { encryption: { keyGeneration: 2 } } });
  await bundle();
  expect(await visit(first)).toBe("all steps are done");
  expect(await own.ssh(first, "cut -d- -f1,2 /etc/kubernetes/quorum/encryption/keys")).toBe("secretbox-2\n");
});
