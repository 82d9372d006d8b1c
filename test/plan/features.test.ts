import { describe, expect, it } from "vitest";
import { stackUrls } from "../../components/plan/urls.ts";
import { parseConfig } from "../../config/parse.ts";
import { runnableSections, type Sections } from "../stacks.ts";

function dev(more: Sections, unavailable: readonly string[] = []) {
  const sections = runnableSections("dev");
  const images = { ...(sections["images"] as object), unavailable };
  return parseConfig({ ...sections, images, ...more });
}

describe("the cluster's UI", () => {
  const ui = { headlamp: { enabled: true, expose: { port: 4466 } } };

  it("is where its image is, with its URL", () => {
    const config = dev({ ui });
    expect(config.skipped).toEqual([]);
    expect(stackUrls(config)).toMatchObject({ headlamp: "http://localhost:4466" });
  });

  it("is left out where its image is not, and said to be", () => {
    const config = dev({ ui }, ["headlamp"]);
    expect(config.skipped).toEqual([{ name: "headlamp", reason: "image headlamp is unavailable here" }]);
    expect(stackUrls(config)).not.toHaveProperty("headlamp");
  });
});

describe("requests by name", () => {
  const services = {
    shop: { image: "app", role: "web", ingress: { hostname: "shop.example.com", basicAuth: { anna: "x" } } },
  };

  it("are left out with the controller that was to serve them", () => {
    const config = dev({ services, jobs: {}, ingress: { controller: "traefik" } }, ["traefik"]);
    expect(config.skipped).toEqual([
      { name: "ingress-controller", reason: "image traefik is unavailable here" },
      { name: "ingress of shop", reason: "the ingress controller is left out" },
    ]);
    expect(config.services["shop"]?.ingress).toBeUndefined();
  });

  it("are checked with everything else", () => {
    expect(() => dev({ services, jobs: {} })).toThrow(
      /quorum:services\.shop\.ingress\.basicAuth is set, but an Ingress/,
    );
  });

  it.each(["/a b", "a", "/a//b", "/../b", "/a?b", "/a(b)", "/a/./b"])("do not go by the path %j", (path) => {
    const ingress = { hostname: "shop.example.com", path };
    expect(() => dev({ services: { shop: { image: "app", role: "web", ingress } }, jobs: {} })).toThrow(
      `quorum:services.shop.ingress.path is "${path}", but`,
    );
  });

  it.each(["/", "/a", "/a/", "/.well-known/x", "/a/v1.2_b-c"])("may go by the path %j", (path) => {
    const ingress = { hostname: "shop.example.com", path };
    expect(
      dev({ services: { shop: { image: "app", role: "web", ingress } }, jobs: {} }).services["shop"]?.ingress?.path,
    ).toBe(path);
  });

  it("cannot come in on a port that a local cluster has given away", () => {
    const ingress = { controller: "traefik", expose: { httpPort: 9376 } };
    expect(() => dev({ ingress })).toThrow(/9376, but quorum:ingress\.expose\.httpPort has that port already/);
  });
});

describe("a service that alerts are sent to", () => {
  const services = {
    shop: { image: "app", role: "web" },
    bot: { image: "node", role: "bot" },
  };
  const receivers = { one: { webhook: { call: "bot/alerts" } }, other: { webhook: { call: "shop/alerts" } } };
  const monitoring = { alertmanager: { receivers, deadMansSwitch: { call: "bot/heartbeat" } } };

  it("is told of no more where it is left out", () => {
    const images = { digest: `sha256:${"a".repeat(64)}` };
    const sections = runnableSections("dev");
    const config = parseConfig({
      ...sections,
      images: { ...sections["images"], builds: { app: { context: "app", ...images } }, unavailable: ["node"] },
      services,
      monitoring,
      jobs: {},
    });
    expect(config.skipped).toEqual(
      expect.arrayContaining([
        { name: "service bot", reason: "image node is unavailable here" },
        { name: "alerts to one", reason: "service bot is left out" },
        { name: "dead man's switch", reason: "service bot is left out" },
      ]),
    );
    expect(Object.keys(config.monitoring.alertmanager.receivers)).toEqual(["other"]);
    expect(config.monitoring.alertmanager.deadMansSwitch).toBeUndefined();
  });

  it("is told where it is there", () => {
    const { alertmanager } = dev({ services, monitoring, jobs: {} }).monitoring;
    expect(Object.keys(alertmanager.receivers)).toEqual(["one", "other"]);
    expect(alertmanager.deadMansSwitch).toMatchObject({ call: "bot/heartbeat", intervalSeconds: 60 });
  });
});
