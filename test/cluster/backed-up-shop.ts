import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ensureImages } from "../../local/images.ts";
import { OwnStack } from "./own-stack.ts";
import { type Ended, eventually, kubectl, pods, quorum, succeed } from "./quorum.ts";
import { type ResticServer, startResticServer } from "./restic-server.ts";

const password = "correct horse battery staple";

/** A stack with one StatefulSet whose volume is backed up to a restic repository outside of the cluster. */
export class BackedUpShop {
  readonly stack: OwnStack;
  readonly #server: ResticServer;
  readonly #flags: readonly string[];

  private constructor(stack: OwnStack, server: ResticServer, flags: readonly string[]) {
    this.stack = stack;
    this.#server = server;
    this.#flags = flags;
  }

  /** @param port of the repository's server */
  static async open(name: string, port: number): Promise<BackedUpShop> {
    await ensureImages(["restic"], console.log);
    const stack = new OwnStack(name);
    const server = await startResticServer(port);
    const sections = {
      services: {
        shop: {
          image: "app",
          role: "web",
          kind: "StatefulSet",
          replicas: 1,
          scrape: false,
          volumes: { data: { mountPath: "/var/lib/shop", storageGiB: 1, backup: true } },
        },
      },
      backup: { repository: server.repository, password, checkPercent: 100 },
    };
    await stack.up(sections);
    // The commands about backups take the same stack, but neither an engine nor a build.
    const flags = stack.flags(sections).filter((word) => word !== "--engine" && word !== "direct");
    return new BackedUpShop(stack, server, flags);
  }

  async close(): Promise<void> {
    await this.stack.down();
    this.#server.stop();
  }

  exec(script: string): Promise<string> {
    return kubectl(["exec", "-n", this.stack.apps, "shop-0", "--", "node", "-e", script]);
  }

  async write(file: string, text: string): Promise<void> {
    await this.exec(`require("node:fs").writeFileSync("/var/lib/shop/${file}", ${JSON.stringify(text)})`);
  }

  read(file: string): Promise<string> {
    return this.exec(`console.log(require("node:fs").readFileSync("/var/lib/shop/${file}", "utf8"))`);
  }

  async files(): Promise<string[]> {
    const list = await this.exec(`console.log(JSON.stringify(require("node:fs").readdirSync("/var/lib/shop")))`);
    return JSON.parse(list) as string[];
  }

  async ready(): Promise<void> {
    await eventually("the shop's pod", 60, async () =>
      (await pods("shop", this.stack.apps))[0]?.ready ? true : undefined,
    );
  }

  /** `npm run backup -- …`, which must succeed. */
  backup(...words: string[]): Promise<Ended> {
    return succeed(["backup", ...words, ...this.#flags]);
  }

  /** `npm run backup -- …`, which may fail. */
  tryBackup(...words: string[]): Promise<Ended> {
    return quorum(["backup", ...words, ...this.#flags]);
  }

  /** Puts a password in place of the repository's own. */
  async setPassword(text = password): Promise<void> {
    const data = { data: { password: Buffer.from(text).toString("base64") } };
    const patch = ["-p", JSON.stringify(data)];
    await kubectl(["patch", "secret", "quorum-volume-backup", "-n", this.stack.apps, ...patch]);
  }

  snapshotFiles(): string[] {
    return readdirSync(join(this.#repository(), "snapshots"));
  }

  /** Files of the repository that hold data. */
  packFiles(): string[] {
    const data = join(this.#repository(), "data");
    return readdirSync(data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  }

  #repository(): string {
    return join(this.#server.folder, `${this.stack.name}.data-shop-0`);
  }
}
