import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { lokiLabels } from "../../../components/plan/monitoring/log-fields.ts";
import { lokiConfig } from "../../../components/plan/monitoring/loki.ts";
import { binaryPath } from "../../../local/toolchain.ts";
import { temporaryFolder } from "../../engine/programs.ts";

const settings = { retentionDays: 14, memoryMiB: 512 };
const loki = binaryPath("loki", "loki");

describe("Loki's configuration", () => {
  const config = parse(lokiConfig(settings)) as Record<string, Record<string, unknown>>;

  test("keeps lines for the retention, and takes late ones for as long", () => {
    expect(config["limits_config"]).toMatchObject({ retention_period: "336h", reject_old_samples_max_age: "336h" });
    expect(config["compactor"]).toMatchObject({ retention_enabled: true, delete_request_store: "filesystem" });
  });

  test("has the labels that the collectors name, and guesses none", () => {
    expect(config["limits_config"]).toMatchObject({
      discover_service_name: [],
      discover_log_levels: false,
      otlp_config: {
        resource_attributes: {
          ignore_defaults: true,
          attributes_config: [{ action: "index_label", attributes: [...lokiLabels] }],
        },
      },
    });
  });

  test("tells nobody outside that it is there", () => {
    expect(config["analytics"]).toEqual({ reporting_enabled: false });
  });

  test("reads its write-ahead log again within its memory", () => {
    expect(config["ingester"]).toMatchObject({ wal: { enabled: true, replay_memory_ceiling: "204MB" } });
  });
});

// Left out until the local run has built Loki: building it takes minutes, and unit tests take seconds.
describe.skipIf(!existsSync(loki))("Loki itself", () => {
  const verify = (text: string) => {
    const file = join(temporaryFolder(), "config.yaml");
    writeFileSync(file, text);
    return execFileSync(loki, [`-config.file=${file}`, "-verify-config"], { stdio: "pipe" });
  };

  test("takes the configuration", () => {
    verify(lokiConfig(settings));
  });

  test("would refuse one with a key that it does not know", () => {
    expect(() => verify(lokiConfig(settings).replace("retention_period", "retention_periods"))).toThrow(
      /retention_periods/,
    );
  });
});
