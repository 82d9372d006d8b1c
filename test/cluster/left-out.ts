import { parseConfig } from "../../config/parse.ts";
import { workspace } from "../../engine/load-stack.ts";
import { readUnavailable } from "../../engine/unavailable.ts";
import { stackSections } from "../stacks.ts";

/** Why stack dev leaves a part out on this machine, as its output `skipped` says, and says so; undefined where it has it. */
export function leftOut(part: string): string | undefined {
  const sections = stackSections("dev");
  const { skipped } = parseConfig({
    ...sections,
    images: { ...sections["images"], unavailable: readUnavailable(workspace, "dev") },
  });
  const reason = skipped.find(({ name }) => name === part)?.reason;
  if (reason !== undefined) console.log(`the story of ${part} is skipped: ${reason}`);
  return reason;
}
