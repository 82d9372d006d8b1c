import { compareSync } from "bcryptjs";
import { describe, expect, it } from "vitest";
import { htpasswd } from "../../../components/plan/workload/htpasswd.ts";

const linesOf = (text: string) => text.trimEnd().split("\n");
const hashOf = (line = "") => line.slice(line.indexOf(":") + 1);

describe("an htpasswd file", () => {
  it("has a line for each user, whose hash is of that password and no other", () => {
    const [anna, bob] = linesOf(htpasswd("apps/shop", { bob: "ö".repeat(36), anna: "open sesame" }));
    expect(anna).toMatch(/^anna:\$2b\$08\$[./A-Za-z0-9]{53}$/);
    expect(compareSync("open sesame", hashOf(anna))).toBe(true);
    expect(compareSync("open sesam", hashOf(anna))).toBe(false);
    expect(compareSync("ö".repeat(36), hashOf(bob))).toBe(true);
  });

  it("is the same each time, in whichever order users are named", () => {
    expect(htpasswd("apps/shop", { a: "1", b: "2" })).toBe(htpasswd("apps/shop", { b: "2", a: "1" }));
  });

  it("salts each user and each place differently", () => {
    const [a, b] = linesOf(htpasswd("apps/shop", { a: "same", b: "same" }));
    const [elsewhere] = linesOf(htpasswd("apps/cart", { a: "same" }));
    expect(new Set([a, b, elsewhere].map(hashOf)).size).toBe(3);
  });

  it("does not let the salt tell of the password", () => {
    const saltOf = (text: string) => hashOf(text).slice(0, 29);
    expect(saltOf(htpasswd("apps/shop", { a: "one" }))).toBe(saltOf(htpasswd("apps/shop", { a: "another" })));
  });
});
