import { afterEach, describe, expect, test, vi } from "vitest";
import { hearProgram } from "../../engine/direct/program-log.ts";

afterEach(() => vi.restoreAllMocks());

describe("what a program says", () => {
  test("goes where the command's words go, without the SDK's marks", () => {
    const heard: string[] = [];
    const end = hearProgram((line) => void heard.push(line));
    try {
      console.log("info: [runtime] job wake runs next at noon");
      console.warn("warning: [runtime] one pod");
      console.error("error: [runtime] no");
      console.info("plain", 1);
    } finally {
      end();
    }
    expect(heard).toEqual(["job wake runs next at noon", "warning: one pod", "error: no", "plain 1"]);
  });

  test("is heard no longer once the program has ended", () => {
    const said = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const heard: string[] = [];
    hearProgram((line) => void heard.push(line))();
    console.log("mine");
    expect(said).toHaveBeenCalledExactlyOnceWith("mine");
    expect(heard).toEqual([]);
  });

  test("may be passed on by console itself", () => {
    const said = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const end = hearProgram((line) => console.log(line));
    try {
      console.warn("warning: [runtime] one pod");
    } finally {
      end();
    }
    expect(said).toHaveBeenCalledExactlyOnceWith("warning: one pod");
  });
});
