import { describe, expect, it } from "vitest";
import { jobsLeftOut, servicesLeftOut, withoutServices } from "../../../components/plan/workload/left-out-services.ts";

const images = { builds: { app: {} }, catalog: { redis: { image: "docker.io/library/redis", tag: "8.2" } } };
const services = {
  shop: { image: "app", calls: ["cache", "store"] },
  cache: { image: "redis", calls: [] },
  store: { image: "app", calls: ["shop"], volumes: { data: {} } },
  fast: { image: "app", calls: [], volumes: { data: { className: "fast" } } },
};

describe("services that a site cannot run", () => {
  it("are those whose image or volumes it lacks", () => {
    const leftOut = servicesLeftOut(services, images, { unavailable: ["redis"], volumes: false });
    expect([...leftOut.values()]).toEqual([
      { name: "service cache", reason: "image redis is unavailable here" },
      { name: "service store", reason: "its volumes need local-path-provisioner, which is left out" },
    ]);
    expect(servicesLeftOut(services, images, { unavailable: [], volumes: true }).size).toBe(0);
  });

  it("are called by none of the others, and jobs that only call them go with them", () => {
    const leftOut = new Map([["cache", true]]);
    expect(withoutServices(services, leftOut)).toEqual({
      shop: { image: "app", calls: ["store"] },
      store: services.store,
      fast: services.fast,
    });
    const jobs = { warm: { call: "cache/warm", calls: [] }, sweep: { call: "shop/sweep", calls: ["cache"] } };
    expect([...jobsLeftOut(jobs, leftOut).values()]).toEqual([
      { name: "job warm", reason: "service cache is left out" },
    ]);
  });
});
