import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { patchedModFile, patchFiles } from "../../local/module-patch.ts";

const folder = mkdtempSync(join(tmpdir(), "quorum-patch-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program that answers as Go does, and writes down what it is asked to edit. */
function fakeGo(module: string): string {
  const go = join(folder, "go");
  writeFileSync(
    go,
    `#!/bin/sh\nif [ "$2" = download ]; then echo '{"Dir": "${module}"}'; else echo "$3" >> "$4"; fi\n`,
  );
  chmodSync(go, 0o755);
  return go;
}

describe("a module with some files replaced", () => {
  test("is a copy, which the go.mod beside it builds with; the module itself stays as it is", async () => {
    const [part, module, target] = ["part", "module", "target"].map((name) => join(folder, name));
    if (part === undefined || module === undefined || target === undefined) throw new Error("three folders are needed");
    for (const each of [part, join(module, "dns"), target]) mkdirSync(each, { recursive: true });
    writeFileSync(join(part, "go.mod"), "module part\n");
    writeFileSync(join(part, "go.sum"), "sums\n");
    writeFileSync(join(part, "own.go.txt"), "own\n");
    writeFileSync(join(module, "dns", "all.go"), "all\n", { mode: 0o444 });
    writeFileSync(join(module, "old.go"), "call(a)\n", { mode: 0o444 });
    chmodSync(join(module, "dns"), 0o555);
    const patches = [
      {
        module: "example.com/dns",
        files: { "dns/all.go": "own.go.txt" },
        edits: { "old.go": ["(a)", "(a, b)"] },
      } as const,
    ];

    // Twice, as after a build that was cut off.
    for (let time = 1; time <= 2; time++) {
      const modFile = await patchedModFile(fakeGo(module), part, patches, target);
      const copy = join(target, "0");
      expect(readFileSync(modFile, "utf8")).toBe(`module part\n-replace=example.com/dns=${copy}\n`);
      expect(existsSync(join(target, "go.sum"))).toBe(true);
      expect(readFileSync(join(copy, "dns", "all.go"), "utf8")).toBe("own\n");
      expect(readFileSync(join(copy, "old.go"), "utf8")).toBe("call(a, b)\n");
    }
    expect(readFileSync(join(module, "dns", "all.go"), "utf8")).toBe("all\n");
    for (const [text, times] of [
      ["call(c)", 0],
      ["l", 2],
    ] as const) {
      const missed = [{ module: "example.com/dns", files: {}, edits: { "old.go": [text, "x"] } } as const];
      await expect(patchedModFile(fakeGo(module), part, missed, target)).rejects.toThrow(
        `example.com/dns: "${text}" is to be in old.go exactly once, but is there ${times} times; adapt`,
      );
    }
    chmodSync(join(module, "dns"), 0o755);
    expect(patchFiles(patches)).toEqual(["own.go.txt"]);
  });
});
