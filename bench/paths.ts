import { join } from "node:path";
import { root, stateDir } from "../local/paths.ts";

export { root };

/** What the benchmarks generate and record; git ignores it and `local reset` leaves it. */
export const benchDir = join(stateDir, "bench");

export const launcher = join(root, "engine", "launch.js");
