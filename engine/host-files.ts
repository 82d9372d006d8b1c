import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { shellQuote } from "../components/plan/shell.ts";
import { type HostAddress, HostUnreachable, type Ssh } from "./direct/ssh.ts";
import { lastLines } from "./process.ts";

/** A file on this machine or on a host. */
export type FileSource = { readonly file: string } | { readonly address: HostAddress; readonly path: string };

const marker = "quorum-file";

/**
 * Puts a file on a host: whole, under the sum of its source, or not at all. A host that has it already gets nothing.
 *
 * @throws when the source cannot be read, or what arrived is not what was sent
 */
export async function sendFile(ssh: Ssh, source: FileSource, address: HostAddress, path: string): Promise<void> {
  const sum = await sumOf(ssh, source);
  const [target, folder, part] = [path, dirname(path), `${path}.new`].map(shellQuote) as [string, string, string];
  const has = (file: string) => `[ "$(sha256sum < ${file} | cut -d" " -f1)" = ${sum} ]`;
  const there = await ssh.run(
    address,
    `echo ${marker}\n[ -e ${target} ] && ${has(target)} && echo there\ntrue\n`,
    marker,
  );
  if (there.stdout.trim() === "there") return;
  // A connection that breaks ends the file early, which only the sum tells.
  const take = `umask 077; mkdir -p ${folder} && cat > ${part} && ${has(part)} && mv -f ${part} ${target}`;
  await through(open(ssh, source), ssh, address, take);
}

async function sumOf(ssh: Ssh, source: FileSource): Promise<string> {
  if ("file" in source) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(source.file), hash);
    return hash.digest("hex");
  }
  const { code, stdout, stderr } = await ssh.run(
    source.address,
    `echo ${marker}\nsha256sum < ${shellQuote(source.path)} | cut -d" " -f1\n`,
    marker,
  );
  if (code !== 0 || !/^[0-9a-f]{64}$/.test(stdout.trim()))
    throw new Error(`${source.path} of ${source.address.host} cannot be read: ${lastLines(stderr, 1).join("")}`);
  return stdout.trim();
}

function open(ssh: Ssh, source: FileSource): Readable {
  if ("file" in source) return createReadStream(source.file);
  const child = spawn("ssh", ssh.commandLine(source.address, `cat ${shellQuote(source.path)}`), {
    stdio: ["ignore", "pipe", "ignore"],
  });
  return child.stdout;
}

function through(source: Readable, ssh: Ssh, address: HostAddress, command: string): Promise<void> {
  const child = spawn("ssh", ssh.commandLine(address, command), { stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else
        reject(
          new HostUnreachable(
            `the file did not arrive whole at ${address.host} (${lastLines(said, 1).join("") || `exit code ${code}`}); see that its disk has room, and run the same command again`,
          ),
        );
    });
  });
  // What breaks the pipe is told by the client's end.
  return Promise.all([pipeline(source, child.stdin).catch(() => undefined), ended]).then(() => undefined);
}
