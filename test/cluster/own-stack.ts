import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type Ended, kubeconfig, root, stateDir, succeed, quorum } from "./quorum.ts";

export type Sections = Readonly<Record<string, unknown>>;

/** A second stack on the cluster of stack dev, in namespaces of its own, so that stories can be lived side by side. */
export class OwnStack {
  readonly name: string;
  readonly apps: string;
  readonly monitoring: string;

  constructor(name: string) {
    this.name = name;
    this.apps = `${name}-apps`;
    this.monitoring = `${name}-monitoring`;
  }

  /** The section `images` of stack dev, which every such stack has. */
  get images(): Record<string, unknown> {
    const { config } = parse(readFileSync(join(root, "Pulumi.dev.yaml"), "utf8")) as {
      config: Record<string, Record<string, unknown>>;
    };
    return config["quorum:images"] ?? {};
  }

  /** Brings the stack to these sections (`services`, `jobs` and so on, over what every such stack has). @throws when it fails */
  async up(sections: Sections): Promise<Ended> {
    return succeed(["up", ...this.flags(sections)]);
  }

  /** As `up`, for a story in which it fails. */
  async tryUp(sections: Sections): Promise<Ended> {
    return quorum(["up", ...this.flags(sections)]);
  }

  async preview(sections: Sections): Promise<Ended> {
    return succeed(["preview", ...this.flags(sections)]);
  }

  async down(): Promise<void> {
    await succeed(["down", ...this.flags({})]);
  }

  /** The arguments by which any command is about this stack. */
  flags(sections: Sections): string[] {
    const { contexts } = parse(readFileSync(kubeconfig, "utf8")) as { contexts: { name: string }[] };
    const own: Sections = {
      platform: "shared",
      images: this.images,
      services: {},
      namespaces: {
        apps: this.apps,
        monitoring: this.monitoring,
        agents: `${this.name}-agents`,
        ingress: `${this.name}-ingress`,
        registry: `${this.name}-registry`,
        ui: `${this.name}-ui`,
      },
      storage: { provisioner: "existing", className: "local-path", retain: false },
      monitoring: { prometheus: { enabled: false }, metricsServer: { enabled: false } },
      controlPlane: { mode: "existing", context: contexts[0]?.name, kubeconfig },
      ...sections,
    };
    const file = join(stateDir, `test-stack-${this.name}.yaml`);
    const document = Object.fromEntries(Object.entries(own).map(([section, value]) => [`quorum:${section}`, value]));
    writeFileSync(file, stringify({ config: document }));
    return ["--stack", this.name, "--config-file", file, "--engine", "direct"];
  }
}
