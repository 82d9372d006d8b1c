import { pbkdf2 } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(pbkdf2);
/** Some milliseconds of one core. */
const ROUND = 10_000;

/**
 * Keeps a core busy for about so long, and answers how many rounds that was. The work is done beside the event loop, so that
 * probes and other calls are answered meanwhile.
 */
export async function burn(milliseconds: number): Promise<number> {
  const end = performance.now() + milliseconds;
  let rounds = 0;
  do {
    await derive("quorum", String(rounds), ROUND, 32, "sha256");
    rounds += 1;
  } while (performance.now() < end);
  return rounds;
}
