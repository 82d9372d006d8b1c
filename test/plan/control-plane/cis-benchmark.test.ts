import { describe, expect, it } from "vitest";
import {
  apiServerFlags,
  cipherSuites,
  controllerManagerFlags,
  etcdFlags,
  type Flag,
  schedulerFlags,
} from "../../../components/plan/control-plane/hardening.ts";
import { kubeletDocument } from "../../../components/plan/control-plane/kubelet-config.ts";
import { cisRows, flagFault, kubeletFault } from "./cis-table.ts";
import { settings } from "./settings.ts";

const input = settings({ metrics: true });
const asMap = (flags: readonly Flag[]) => new Map(flags.map(({ name, value }) => [`--${name}`, value]));
const programs = new Map([
  ["kube-apiserver", asMap(apiServerFlags(input))],
  ["kube-controller-manager", asMap(controllerManagerFlags(input))],
  ["kube-scheduler", asMap(schedulerFlags(input))],
  ["etcd", asMap(etcdFlags(input))],
]);

/** Items of sections 1 to 4 of the benchmark, by how many each part has. */
const parts: [string, number][] = [
  ["1.1", 21],
  ["1.2", 30],
  ["1.3", 7],
  ["1.4", 2],
  ["2", 7],
  ["3.1", 3],
  ["3.2", 2],
  ["4.1", 10],
  ["4.2", 14],
  ["4.3", 1],
];

it("the table has every item of the benchmark, once and in order", () => {
  const wanted = parts.flatMap(([part, count]) => Array.from({ length: count }, (_, index) => `${part}.${index + 1}`));
  expect(cisRows().map(({ item }) => item)).toEqual(wanted);
});

it("every row says who sees to it, and why where nobody does", () => {
  for (const { item, how } of cisRows()) {
    expect(how, item).toMatch(/^(set|kubeadm|default|differs|yours)/);
    if (/^(differs|yours)/.test(how)) expect(how, item).toMatch(/^\w+[:,]? .{8}/);
  }
});

describe("what the plan sets", () => {
  const own = cisRows().filter(({ how, check }) => how.startsWith("set") && check !== undefined);

  it.each(own.flatMap(({ item, check }) => (check === undefined ? [] : [{ item, check }])))("is so: $item", (row) => {
    const flags = "program" in row.check ? programs.get(row.check.program) : undefined;
    if (flags !== undefined) expect(flagFault(row.check, flags)).toBeUndefined();
    expect(kubeletFault(row.check, kubeletDocument(input))).toBeUndefined();
  });

  it("holds nothing against a row that says it is absent", () => {
    for (const { check } of cisRows()) {
      if (check?.kind === "absent") expect(programs.get(check.program)?.has(check.flag), check.flag).toBe(false);
      if (check?.kind === "kubelet-absent") expect(kubeletDocument(input)).not.toHaveProperty(check.field);
    }
  });
});

it("suites are those of TLS 1.2 with forward secrecy and authenticated encryption", () => {
  for (const suite of cipherSuites)
    expect(suite).toMatch(/^TLS_ECDHE_(ECDSA|RSA)_WITH_(AES_\d+_GCM|CHACHA20_POLY1305)_SHA\d+$/);
});
