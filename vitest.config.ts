import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const storyFiles = (...names: string[]) => names.map((name) => `test/cluster/${name}.test.ts`);

/** Stories of stack dev's services, as a user would live them. They start pods anew, and leave the stack as it is. */
const appStories = storyFiles("start", "jobs", "app");
const changeStories = storyFiles("prometheus", "change", "faults");
/** It takes the machine's hosts away, whosever they are. */
const lastStory = storyFiles("down");
/** Those of its parts that have an order. */
const partStories = storyFiles("security", "logs", "queries");

const order = [...appStories, ...partStories, ...changeStories];

class StoryOrder extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = (file: TestSpecification) => order.findIndex((story) => file.moduleId.endsWith(`/${story}`));
    return Promise.resolve([...files].sort((a, b) => place(a) - place(b)));
  }
}

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
          globalSetup: ["test/check-programs.ts"],
          // What a worker has loaded serves all of its files: a quarter less for the processors to do.
          isolate: false,
          // They run beside clusters: a limit ends what hangs, and measures nothing.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      { test: { name: "apps", include: appStories, ...onCluster } },
      {
        test: {
          name: "parts",
          include: ["test/cluster/*.test.ts"],
          exclude: [...appStories, ...changeStories, ...lastStory],
          ...onCluster,
        },
      },
      { test: { name: "changes", include: changeStories, ...onCluster } },
      { test: { name: "end", include: lastStory, ...onCluster } },
      // Clusters of their own on further hosts.
      {
        test: {
          name: "hosts",
          include: ["test/cluster/hosts/*.test.ts"],
          ...onCluster,
          hookTimeout: 600_000,
        },
      },
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
