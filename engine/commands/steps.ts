import { checkSteps, runStep } from "../check-steps.ts";
import { say } from "./common.ts";

/**
 * `npm run check`: what a pull request is checked by, step by step; the workflow runs these same steps by their names. With
 * names, only those; with `--list`, their names. Exit codes: 0 when all passed, 1 otherwise.
 */
export async function check(argv: string[]): Promise<number> {
  const names = checkSteps.map(({ name }) => name);
  if (argv.length === 1 && argv[0] === "--list") {
    for (const { name, what } of checkSteps) say(`${name.padEnd(14)}${what}`);
    return 0;
  }
  const unknown = argv.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new Error(`"${unknown}" is no step of check; there are ${names.join(", ")}, and --list says what each does`);
  const chosen = checkSteps.filter(({ name }) => argv.length === 0 || argv.includes(name));
  const failed: string[] = [];
  for (const step of chosen) {
    say(`== ${step.name}: ${step.what}`);
    // The rest is still worth knowing.
    if ((await runStep(step)) !== 0) failed.push(step.name);
  }
  say(failed.length === 0 ? `${chosen.length} of ${chosen.length} steps passed` : `failed: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}
