import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The stories on the real cluster, in the order that a user would live them: the last ones take the cluster away. */
const stories = [
  "start",
  "app",
  "prometheus",
  "jobs",
  "etcd-care",
  "logs",
  "queries",
  "node-exporter",
  "kube-state-metrics",
  "grafana",
  "security",
  "change",
  "engine",
  "faults",
  "down",
];

class StoryOrder extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = (file: TestSpecification) =>
      stories.findIndex((story) => file.moduleId.endsWith(`/${story}.test.ts`));
    return Promise.resolve([...files].sort((a, b) => place(a) - place(b)));
  }
}

/** What disturbs everybody else, or takes the cluster away. */
const takeAway = ["test/cluster/faults.test.ts", "test/cluster/down.test.ts"];

const onCluster = {
  globalSetup: ["test/cluster/setup.ts"],
  fileParallelism: false,
  testTimeout: 180_000,
  hookTimeout: 180_000,
};

export default defineConfig({
  test: {
    // Two cores: more workers than that only wait for each other.
    maxWorkers: 2,
    sequence: { sequencer: StoryOrder },
    // What the program says to people, said again by each of thousands of runs.
    onConsoleLog: (text) => !/^(info|warning): \[runtime\]/.test(text),
    coverage: { include: ["components/**/*.ts", "stack/**/*.ts", "config.ts", "config/**/*.ts"], reporter: ["text"] },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts", "app/test/**/*.test.ts"],
          exclude: ["test/cluster/**", "test/soak/**"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "cluster",
          include: ["test/cluster/*.test.ts"],
          exclude: takeAway,
          ...onCluster,
        },
      },
      // Each story has a stack of its own, so they are lived side by side: most of their time is waiting.
      {
        test: {
          name: "stacks",
          include: ["test/cluster/stacks/*.test.ts"],
          ...onCluster,
          fileParallelism: true,
          maxWorkers: 4,
        },
      },
      // Clusters of their own on further hosts: three of them want all the machine has, so nothing else is lived meanwhile.
      {
        test: {
          name: "hosts",
          include: ["test/cluster/hosts/*.test.ts"],
          ...onCluster,
          hookTimeout: 600_000,
        },
      },
      { test: { name: "end", include: takeAway, ...onCluster } },
      {
        test: {
          name: "soak",
          include: ["test/soak/**/*.test.ts"],
          ...onCluster,
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
});
