import { homedir } from "node:os";

/** A path of the configuration, where `~/` stands for the user's home. */
export function fromHome(path: string): string {
  return path.replace(/^~(?=\/)/, homedir());
}
