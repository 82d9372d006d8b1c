import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  contains,
  formatAddress,
  formatSubnet,
  overlap,
  parseAddress,
  parseSubnet,
  part,
  size,
} from "../../components/plan/subnet.ts";

const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const subnet = fc
  .tuple(address, fc.integer({ min: 0, max: 32 }))
  .map(([base, prefix]) => ({ base: base - (base % 2 ** (32 - prefix)), prefix }));

describe("addresses", () => {
  it("survive formatting and parsing", () => {
    fc.assert(fc.property(address, (value) => parseAddress(formatAddress(value)) === value));
  });

  it.each(["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.-4", "1.2.3.4/8", "a.b.c.d", " 1.2.3.4", "::1"])(
    "%j is none",
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );
});

describe("subnets", () => {
  it("survive formatting and parsing", () => {
    fc.assert(
      fc.property(subnet, (value) => {
        expect(parseSubnet(formatSubnet(value))).toEqual(value);
      }),
    );
  });

  it.each(["10.244.0.0", "10.244.0.1/16", "10.244.0.0/33", "10.244.0.0/", "10.244.0.0/16/8", "10.0.0.0/-1"])(
    "%j is none",
    (text) => {
      expect(parseSubnet(text)).toBeUndefined();
    },
  );

  it("overlap both ways or not at all, and always where one holds the other's first address", () => {
    fc.assert(
      fc.property(subnet, subnet, (a, b) => {
        expect(overlap(a, b)).toBe(overlap(b, a));
        if (contains(a, b.base)) expect(overlap(a, b)).toBe(true);
      }),
    );
  });

  it("are cut into parts that lie inside and do not meet", () => {
    const whole = { base: parseAddress("10.244.0.0") ?? 0, prefix: 16 };
    const parts = Array.from({ length: 256 }, (_, index) => part(whole, 24, index));
    expect(parts.every((one) => contains(whole, one.base) && contains(whole, one.base + size(one) - 1))).toBe(true);
    expect(new Set(parts.map(formatSubnet)).size).toBe(256);
    expect(formatSubnet(parts[11]!)).toBe("10.244.11.0/24");
  });
});
