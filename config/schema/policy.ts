import { z } from "zod";
import { ruleNames } from "../../policy/rule-names.ts";
import { choice, list, mapping, text } from "./shapes.ts";

const reason = text(
  "why this may be, in a sentence of 20 characters or more",
  "it reads the node's logs",
  /^.{20,}$/,
  500,
);

const exception = mapping({
  rule: choice(ruleNames),
  /** Kind and name, such as `DaemonSet monitoring-agents/node-exporter`, or a key; `*` stands for any letters. */
  object: text("an object, as a finding names it", "DaemonSet monitoring-agents/node-exporter", /^\S.*$/, 400),
  /** Fields that are meant, as a finding names them; `*` stands for any letters. @default all of the object */
  field: text("a field, as a finding names it", "spec.template.spec.hostNetwork", /^\S.*$/, 400).optional(),
  reason,
  /** Last day that it holds, in UTC. @default no end */
  until: z.iso.date({ error: "a day; set it, for example to 2027-06-30" }).optional(),
});

/** What the stack may ship. */
export const policySchema = mapping({
  /** Whether findings stop `up` and fail `preview`, or are only told. @default mandatory for a stack whose name begins with prod, else advisory */
  enforcement: choice(["advisory", "mandatory"]).optional(),
  /** Rules that stop `up` though the others are advisory. */
  mandatory: list(choice(ruleNames), "names of rules").default([]),
  /** Findings that are let pass, each with its reason; counted, and told. */
  exceptions: list(exception, "exceptions").default([]),
}).prefault({});
