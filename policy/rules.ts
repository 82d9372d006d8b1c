import { noWildcardAccess } from "./rules/access.ts";
import { backups, oddEtcd, protectedData } from "./rules/care.ts";
import { pinnedImages, trustedRegistries } from "./rules/images.ts";
import { closedEgress, defaultDeny } from "./rules/network.ts";
import { weights } from "./rules/routes.ts";
import { noPlainSecrets } from "./rules/secrets.ts";
import { restrictedSecurity } from "./rules/security.ts";
import { budgets, probes, resources } from "./rules/workloads.ts";
import type { Rule } from "./types.ts";

/** What no stack may ship. */
export const rules: readonly Rule[] = [
  pinnedImages,
  trustedRegistries,
  resources,
  probes,
  restrictedSecurity,
  noWildcardAccess,
  noPlainSecrets,
  budgets,
  oddEtcd,
  backups,
  weights,
  defaultDeny,
  closedEgress,
  protectedData,
];
