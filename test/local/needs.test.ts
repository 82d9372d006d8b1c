import { describe, expect, it } from "vitest";
import { parseConfig } from "../../config/parse.ts";
import { localNeeds } from "../../local/needs.ts";
import { runnableSections } from "../stacks.ts";

const dev = runnableSections("dev");
const portsOf = (more: Record<string, unknown> = {}) =>
  [...localNeeds(parseConfig({ ...dev, ...more }), "dev").ports].sort((a, b) => a - b);

describe("what a stack needs of this machine", () => {
  it("is a port for each service and part that is exposed", () => {
    expect(portsOf()).toEqual([3000, 4466, 9090, 9093, 9376, 9411]);
  });

  it("is no port of a part that is left out", () => {
    expect(portsOf({ ui: {}, monitoring: { prometheus: { enabled: false } } })).toEqual([9376]);
  });

  it("is the ports of the ingress controller and of the registry in the cluster too", () => {
    const ingress = { controller: "traefik", expose: { httpPort: 8090, httpsPort: 8453 } };
    expect(portsOf({ ingress })).toEqual(expect.arrayContaining([8090, 8453]));
    const registry = {
      kind: "distribution",
      hostname: "registry.local",
      port: 8443,
      htpasswd: `robot:$2y$05$${"a".repeat(53)}`,
    };
    expect(portsOf({ registry })).toContain(8443);
  });

  it("is refused for a stack with hosts elsewhere", () => {
    expect(() => localNeeds(parseConfig(runnableSections("prod")), "prod")).toThrow(
      /^quorum:controlPlane\.local of stack prod is not true, .*; name a stack that has, such as --stack dev$/,
    );
  });
});
