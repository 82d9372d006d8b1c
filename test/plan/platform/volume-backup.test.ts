import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { claimRepository, repositoryPort, volumeBackups } from "../../../components/plan/platform/volume-backup.ts";
import { storageProblems } from "../../../components/plan/platform/storage-checks.ts";

describe("the backups of a stack", () => {
  it("are one for each claim of a volume that asks for it", () => {
    const volumes = { data: { backup: true }, cache: { backup: false } };
    const backups = volumeBackups({
      shop: { kind: "StatefulSet", replicas: 2, volumes },
      wiki: { kind: "Deployment", volumes },
      web: {},
    });
    expect(backups.map(({ claim, job, app }) => [claim, job, app])).toEqual([
      ["data-shop-0", "backup-shop-data-0", "backup-shop-data"],
      ["data-shop-1", "backup-shop-data-1", "backup-shop-data"],
      ["wiki-data", "backup-wiki-data", "backup-wiki-data"],
    ]);
    expect(backups[1]?.beside).toEqual({ app: "shop", "statefulset.kubernetes.io/pod-name": "shop-1" });
    expect(backups[2]?.beside).toEqual({ app: "wiki" });
  });

  it("have names that fit, each its own", () => {
    const name = (max: number) => fc.stringMatching(new RegExp(`^[a-z][a-z0-9]{0,${max - 1}}$`));
    fc.assert(
      fc.property(name(50), name(30), fc.integer({ min: 1, max: 20 }), (service, volume, replicas) => {
        const settings = { kind: "StatefulSet" as const, replicas, volumes: { [volume]: { backup: true } } };
        const backups = volumeBackups({ [service]: settings });
        expect(new Set(backups.map(({ job }) => job)).size).toBe(replicas);
        for (const { app, job } of backups) {
          expect(job.length).toBeLessThanOrEqual(52);
          expect(app.length).toBeLessThanOrEqual(63);
          expect(job).toMatch(/^[a-z]([a-z0-9-]*[a-z0-9])?$/);
        }
      }),
    );
  });
});

describe("a claim's repository", () => {
  it.each([
    ["s3:https://s3.example.com/bucket", "s3:https://s3.example.com/bucket/prod.data-shop-0", 443],
    ["s3:http://minio.example.com:9000/bucket/", "s3:http://minio.example.com:9000/bucket/prod.data-shop-0", 9000],
    ["s3:s3.example.com:8443/bucket", "s3:s3.example.com:8443/bucket/prod.data-shop-0", 8443],
    ["rest:http://user:pass@192.0.2.9:8000/", "rest:http://user:pass@192.0.2.9:8000/prod.data-shop-0", 8000],
    ["rest:http://backup.example.com/", "rest:http://backup.example.com/prod.data-shop-0", 80],
    ["azure:container", "azure:container:/prod.data-shop-0", 443],
    ["azure:container:/path", "azure:container:/path/prod.data-shop-0", 443],
    ["gs:bucket:/", "gs:bucket:/prod.data-shop-0", 443],
  ])("%s", (base, whole, port) => {
    expect(claimRepository(base, "prod", "data-shop-0")).toBe(whole);
    expect(repositoryPort(base)).toBe(port);
  });
});

describe("a backup is refused", () => {
  const backup = {
    environment: {},
    schedule: "17 2 * * *",
    timeZone: "Etc/UTC",
    keep: { last: 3, daily: 0, weekly: 0, monthly: 0 },
  };
  const shop = { kind: "StatefulSet" as const, replicas: 1, volumes: { data: { backup: true } } };
  const keys = (...settings: Parameters<typeof storageProblems>) => storageProblems(...settings).map(({ key }) => key);

  it("by nothing when all is said", () => expect(keys({ services: { shop }, backup })).toEqual([]));

  it.each([
    ["quorum:services.shop.volumes.data.backup", { services: { shop } }],
    ["quorum:backup", { services: {}, backup }],
    [
      "quorum:services.shop.volumes.data.backup",
      { services: { shop: { ...shop, replicas: undefined, autoscale: { maxReplicas: 3 } } }, backup },
    ],
    ["quorum:backup.keep", { services: { shop }, backup: { ...backup, keep: { ...backup.keep, last: 0 } } }],
    ["quorum:backup.schedule", { services: { shop }, backup: { ...backup, schedule: "61 * * * *" } }],
    ["quorum:backup.timeZone", { services: { shop }, backup: { ...backup, timeZone: "Mars/Olympus" } }],
    [
      "quorum:backup.environment.RESTIC_PASSWORD",
      { services: { shop }, backup: { ...backup, environment: { RESTIC_PASSWORD: "x" } } },
    ],
    ["quorum:backup.environment.A-B", { services: { shop }, backup: { ...backup, environment: { "A-B": "x" } } }],
  ])("at %s", (key, settings) => expect(keys(settings)).toEqual([key]));
});
