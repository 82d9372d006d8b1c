import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { zipkinProblems } from "../../../components/plan/monitoring/zipkin-checks.ts";
import { heapMiB, memoryFor, spansIn, zipkinEnvironment } from "../../../components/plan/monitoring/zipkin.ts";

describe("Zipkin's memory", () => {
  test("is the heap, and what the Java machine needs beside it", () => {
    expect([384, 512, 1024, 4096].map(heapMiB)).toEqual([184, 281, 563, 2252]);
  });

  test("has room for the spans that a stack has by default", () => {
    expect(spansIn(512)).toBeGreaterThanOrEqual(50_000);
    // As measured: 50,000 spans took 161 of the 226 MiB that stay.
    expect(spansIn(512)).toBeLessThan(60_000);
    expect(spansIn(384)).toBeGreaterThanOrEqual(30_000);
  });

  test("is as much as it is said to need, and not much more", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 10_000_000 }), (spans) => {
        const memory = memoryFor(spans);
        expect(spansIn(memory)).toBeGreaterThanOrEqual(spans);
        expect(spansIn(memory - 8)).toBeLessThan(spans);
      }),
    );
  });
});

describe("Zipkin's environment", () => {
  test("keeps spans in memory, as many as are asked for", () => {
    expect(zipkinEnvironment({ maxSpans: 20_000, memoryMiB: 512 })).toMatchObject({
      STORAGE_TYPE: "mem",
      MEM_MAX_SPANS: "20000",
      JAVA_OPTS: expect.stringContaining("-Xms281m -Xmx281m") as string,
    });
  });

  test("keeps them in Elasticsearch where there is one", () => {
    const elasticsearch = { url: "https://es.example.com:9200", username: "zipkin" };
    const environment = zipkinEnvironment({ maxSpans: 20_000, memoryMiB: 512, elasticsearch });
    expect(environment).toMatchObject({
      STORAGE_TYPE: "elasticsearch",
      ES_HOSTS: "https://es.example.com:9200",
      ES_USERNAME: "zipkin",
    });
    expect(environment).not.toHaveProperty("MEM_MAX_SPANS");
  });
});

describe("what is wrong with Zipkin's settings", () => {
  const zipkin = { enabled: true, maxSpans: 50_000, memoryMiB: 512 };
  const elasticsearch = { url: "https://es.example.com" };
  const key = "quorum:monitoring.zipkin";
  const problems = (more: object, complete = true) => zipkinProblems({ zipkin: { ...zipkin, ...more } }, complete);

  test.each([{}, { elasticsearch, maxSpans: 10_000_000 }, { maxSpans: 10_000_000, enabled: false }])(
    "nothing, with %o",
    (more) => {
      expect(problems(more)).toEqual([]);
    },
  );

  test("more spans than there is room for", () => {
    expect(problems({ maxSpans: 500_000 })).toEqual([
      {
        key: `${key}.maxSpans`,
        text: `is 500000, but memoryMiB 512 has room for ${spansIn(512)}; lower it, or raise memoryMiB to ${memoryFor(500_000)}`,
      },
    ]);
    expect(problems({ maxSpans: 500_000, memoryMiB: memoryFor(500_000) })).toEqual([]);
  });

  test("half of a sign-in", () => {
    expect(problems({ elasticsearch: { ...elasticsearch, username: "zipkin" } })).toMatchObject([
      { key: `${key}.elasticsearch.password`, text: expect.stringContaining("is missing, but username is set") },
    ]);
    expect(problems({ elasticsearch: { ...elasticsearch, password: "s3cr3t" } })).toMatchObject([
      { key: `${key}.elasticsearch.username`, text: expect.stringContaining("is missing, but password is set") },
    ]);
  });

  test("a password in the URL, which is not shown", () => {
    const [problem, ...others] = problems({ elasticsearch: { url: "https://zipkin:s3cr3t@es.example.com" } });
    expect(others).toEqual([]);
    expect(problem?.key).toBe(`${key}.elasticsearch.url`);
    expect(problem?.text).toMatch(/^has a user name or a password in it, but .*; set username and password/);
    expect(problem?.text).not.toContain("s3cr3t");
  });

  test("a password that nobody has set, but for a render", () => {
    const set = { elasticsearch: { ...elasticsearch, username: "zipkin", password: `unset:${key}` } };
    expect(problems(set)).toMatchObject([{ key: `${key}.elasticsearch.password` }]);
    expect(problems(set, false)).toEqual([]);
  });
});
