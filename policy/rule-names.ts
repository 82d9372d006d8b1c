/** Names of the rules: what `quorum:policy` may say. Apart from the rules, so that the configuration needs none of them. */
export const ruleNames = [
  "pinned-images",
  "trusted-registries",
  "resources",
  "probes",
  "restricted-security",
  "no-wildcard-access",
  "no-plain-secrets",
  "budgets",
  "odd-etcd",
  "backups",
  "weights",
  "default-deny",
  "closed-egress",
  "protected-data",
] as const;

export type RuleName = (typeof ruleNames)[number];
