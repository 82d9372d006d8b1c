import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { DirectMonitor } from "../../engine/direct/monitor.ts";
import { runProgram } from "../../engine/direct/run-program.ts";
import { runProcess } from "../../engine/process.ts";
import { failureOf } from "./programs.ts";

const program = join(import.meta.dirname, "fixtures/faulty.ts");
const makers = {
  image: () => Promise.reject(new Error("the image says no")),
  hostStep: () => Promise.reject(new Error("the step says no")),
};

function run(fault: string): Promise<void> {
  const monitor = new DirectMonitor({ project: "quorum", stack: "dev", makers });
  const config = { project: "quorum", stack: "dev", values: { "quorum:fault": fault }, secretKeys: [] };
  return runProgram({ program, config, monitor, preview: false });
}

process.setMaxListeners(30);
// An error surfaces more than once; the next program must not hear of it.
afterEach(() => new Promise((resolve) => setImmediate(resolve)));

describe("a program that cannot be run ends with one message", () => {
  test.each([
    [
      "twice",
      /^two resources are called "same" \(kubernetes:core\/v1:ConfigMap\), so they have one URN; give one of them another name$/,
    ],
    ["thrown", /^the program says no$/],
    ["step", /^the step says no$/],
    ["image", /^the image says no$/],
    [
      "type",
      /^resource "bucket" is a aws:s3\/bucket:Bucket, which the direct engine cannot make: .*use the Pulumi CLI/,
    ],
    ["local", /^resource "here" is a command:local:Command, which the direct engine cannot make/],
    ["release", /^resource "chart" is a kubernetes:helm.sh\/v3:Release.*load the rendered objects one by one/],
    ["chart", /^resource "chart" is a kubernetes:helm.sh\/v4:Chart.*load the rendered objects one by one/],
    ["patch", /^resource "some" is a kubernetes:core\/v1:ConfigMapPatch.*make the whole object/],
    ["list", /^resource "some" is a kubernetes:core\/v1:ConfigMapList/],
    ["get", /^the program reads the existing resource "present" \(kubernetes:core\/v1:ConfigMap\)/],
    ["invoke", /^the program calls the provider function aws:index\/getRegion:getRegion/],
    ["replace", /has the option replaceOnChanges, but the direct engine replaces nothing/],
    ["early", /^host step "early" depends on the Kubernetes object "first", but the direct engine makes objects last/],
  ])("%s", async (fault, message) => expect(await failureOf(() => run(fault))).toMatch(message));

  // In a process of their own: such an error surfaces as an unhandled rejection, which the test runner would claim.
  test.each([
    ["rejected", "a promise says no\n"],
    ["apply", "an apply says no\n"],
  ])("%s", async (fault, message) => {
    const ended = await runProcess(process.execPath, [join(import.meta.dirname, "fixtures/run-faulty.ts"), fault]);
    expect(ended).toEqual({ code: 1, stdout: message, stderr: "" });
  });
});
