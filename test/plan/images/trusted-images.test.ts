import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { beginsWithHost, hasDigest, isTrusted, repositoryOf } from "../../../components/plan/images/trusted-images.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("an image is trusted", () => {
  const trusted = ["localhost:5000", "registry.example.com/team", "docker.io/library/node"];

  it.each([
    "localhost:5000/app:1",
    "localhost:5000/quorum/app:dev",
    `localhost:5000/app@${digest}`,
    "registry.example.com/team/app:1",
    "registry.example.com/team:1",
    "registry.example.com/team",
    `registry.example.com/team@${digest}`,
    "docker.io/library/node:24",
  ])("%s", (image) => {
    expect(isTrusted(image, trusted)).toBe(true);
  });

  it.each([
    "localhost:5000.example.com/app:1",
    "localhost:50001/app:1",
    "localhost/app:1",
    "localhost:5000",
    "example.com/localhost:5000/app:1",
    "registry.example.com/app:1",
    "registry.example.com/team-b/app:1",
    "registry.example.com/teams:1",
    "registry.example.com:8443/team/app:1",
    "docker.io/library/node-exporter:1",
    "node:24",
    "library/node:24",
    "index.docker.io/library/node:24",
    "LOCALHOST:5000/app:1",
    "",
  ])("but not %j", (image) => {
    expect(isTrusted(image, trusted)).toBe(false);
  });

  it("never by a registry whose name only begins like a trusted one", () => {
    const host = fc.domain();
    fc.assert(
      fc.property(host, host, fc.constantFrom("", "-", ".", "x", ":443", ":443."), (own, other, between) => {
        fc.pre(between !== "" || other !== "");
        expect(isTrusted(`${own}${between}${other}/app:1`, [own])).toBe(false);
        expect(isTrusted(`${own}/app:1`, [own])).toBe(true);
      }),
    );
  });
});

it.each([
  ["localhost/app", true],
  ["localhost:5000/app", true],
  ["registry.example.com", true],
  ["registry:5000/app", true],
  ["registry/app", false],
  ["app", false],
])("%s begins with a host: %s", (reference, expected) => {
  expect(beginsWithHost(reference)).toBe(expected);
});

it.each([
  [`app@${digest}`, true],
  [`localhost:5000/app:1@${digest}`, true],
  ["app:1", false],
  ["app@sha256:abc", false],
  [`app@${digest}0`, false],
])("%s has a digest: %s", (reference, expected) => {
  expect(hasDigest(reference)).toBe(expected);
});

it.each([
  ["localhost:5000/app:1", "localhost:5000/app"],
  ["localhost:5000/app", "localhost:5000/app"],
  [`docker.io/library/node:24@${digest}`, "docker.io/library/node"],
])("the repository of %s is %s", (reference, expected) => {
  expect(repositoryOf(reference)).toBe(expected);
});
