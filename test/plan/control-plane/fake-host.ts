import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kernelSettings } from "../../../components/plan/control-plane/kubelet-config.ts";

/**
 * A host made of a folder: every absolute path of a script is moved into it, and every program that would act on a machine
 * is one that writes down how it was called.
 */
export class FakeHost {
  readonly root = mkdtempSync(join(tmpdir(), "host-"));

  constructor() {
    mkdirSync(join(this.root, "bin"));
    this.program("id", "echo 0");
    this.program("kubelet", 'echo "Kubernetes v1.37.2"');
    this.program("ip", "");
    this.program("iptables", '[ $# -lt 4 ] || [ "$4" != -C ]');
    this.program("modprobe", "");
    this.program("sleep", "");
    this.program("systemctl", "");
    this.program("timeout", "exit 1");
    this.program("kubectl", "");
    this.kubeadm();
    this.write("proc/meminfo", "MemTotal:        8388608 kB\n");
    for (const [name, value] of Object.entries(kernelSettings))
      this.write(`proc/sys/${name.replaceAll(".", "/")}`, value);
  }

  /** kubeadm that writes what the real one would write, and does something else, or fails, when told to. */
  kubeadm(told = "", does = "exit 1"): void {
    this.program(
      "kubeadm",
      [
        'case "$*" in',
        '  "version -o short") echo v1.37.2 ;;',
        told === "" ? "" : `  ${told}) ${does} ;;`,
        `  "init phase certs all"*) dir=$(sed -n 's/^certificatesDir: //p' "$6"); mkdir -p "$dir/etcd"; for f in ca.crt ca.key sa.key sa.pub front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key; do [ -e "$dir/$f" ] || echo "made $f" > "$dir/$f"; done ;;`,
        `  "init phase certs apiserver"*) ;;`,
        `  "init --config"*) echo admin > ${this.root}/etc/kubernetes/admin.conf ;;`,
        '  "kubeconfig user"*) echo "bootstrap kubeconfig" ;;',
        "esac",
      ]
        .filter((line) => line !== "")
        .join("\n"),
    );
  }

  program(name: string, body: string): void {
    const path = join(this.root, "bin", name);
    writeFileSync(path, `#!/bin/sh\necho "${name} $*" >> ${this.root}/calls\n${body}\n`);
    chmodSync(path, 0o755);
  }

  run(script: string, stdin = ""): string {
    const moved = script.replaceAll(/(?<![A-Za-z0-9_.}/-])\/(etc|var|run|proc)\//g, `${this.root}/$1/`);
    // From a file: a script that ends without reading it would break a pipe.
    writeFileSync(join(this.root, "stdin"), stdin);
    const input = openSync(join(this.root, "stdin"), "r");
    try {
      return execFileSync("sh", ["-c", moved.replace("[ -S ", "[ -e ")], {
        encoding: "utf8",
        stdio: [input, "pipe", "pipe"],
        env: { PATH: `${this.root}/bin:${process.env["PATH"] ?? ""}` },
      });
    } finally {
      closeSync(input);
    }
  }

  write(path: string, text: string): void {
    mkdirSync(join(this.root, path, ".."), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  calls(start = ""): string[] {
    if (!this.has("calls")) return [];
    const calls = this.read("calls").trim().replaceAll(`${this.root}/`, "/").split("\n");
    rmSync(join(this.root, "calls"));
    return calls.filter((call) => call.startsWith(start));
  }
}
