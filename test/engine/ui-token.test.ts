import { describe, expect, it } from "vitest";
import { tokenMinutes, uiToken } from "../../engine/ui-token.ts";

describe("how long a token lives", () => {
  it.each([
    ["10m", 10],
    ["1h", 60],
    ["24h", 1440],
  ])("%s", (duration, minutes) => {
    expect(tokenMinutes(duration)).toBe(minutes);
  });

  it.each(["9m", "25h", "1d", "60", "1h30m", ""])("is refused as %j", (duration) => {
    expect(() => tokenMinutes(duration)).toThrow(
      `--duration is "${duration}", but it must be from 10m to 24h; set it, for example to 1h`,
    );
  });
});

describe("a token for the UI", () => {
  const namespaces = {
    apps: "apps",
    monitoring: "monitoring",
    agents: "agents",
    ingress: "ingress",
    mesh: "istio-system",
    meshAgents: "istio-cni",
    registry: "registry",
    ui: "look",
  };
  const enabled = (value: boolean) => ({ headlamp: { enabled: value } });

  it("is asked of the cluster, for the account that may only read", async () => {
    const calls: string[] = [];
    const kubectl = {
      call: (args: readonly string[]) => {
        calls.push(args.join(" "));
        return Promise.resolve(args[0] === "get" ? "serviceaccount/headlamp-viewer\n" : "token\n");
      },
    };
    expect(await uiToken(kubectl, { ui: enabled(true), namespaces, skipped: [] }, 60)).toBe("token");
    expect(calls).toEqual([
      "get sa headlamp-viewer -n look --ignore-not-found -o name",
      "create token headlamp-viewer -n look --duration=60m",
    ]);
  });

  it.each([
    [false, [], "quorum:ui.headlamp.enabled is false, but a token is for Headlamp; set it to true and run up"],
    [
      false,
      [{ name: "headlamp", reason: "image headlamp is unavailable here" }],
      "Headlamp is left out of this stack: image headlamp is unavailable here; give the cluster a registry that has it",
    ],
    [true, [], "ServiceAccount look/headlamp-viewer was not made yet; npm run up makes it"],
  ])("needs a UI that is there (%s, %j)", async (on, skipped, message) => {
    const kubectl = { call: () => Promise.resolve("") };
    await expect(uiToken(kubectl, { ui: enabled(on), namespaces, skipped }, 60)).rejects.toThrow(message);
  });
});
