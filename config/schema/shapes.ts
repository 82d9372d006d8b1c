import { z } from "zod";
import { parseAddress, parseSubnet } from "../../components/plan/subnet.ts";

export const dnsLabel = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
export const repository = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/;
export const dnsName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** An error message of this schema says what is allowed, then, after a semicolon, the fix. */
export function allowed(what: string, example: string): { error: string } {
  return { error: `${what}; set it, for example to ${example}` };
}

export function integer(min: number, max: number, example: number) {
  const message = allowed(`an integer from ${min} to ${max}`, String(example));
  return z.int(message).min(min, message).max(max, message);
}

export function text(what: string, example: string, pattern = /^[^\n]+$/, maxLength = 1024) {
  const message = allowed(what, example);
  return z.string(message).regex(pattern, message).max(maxLength, message);
}

export function label(what: string, example: string, maxLength = 63) {
  const shape = `${what}: a DNS label of at most ${maxLength} lower-case letters, digits and hyphens that begins with a letter`;
  return text(shape, example, dnsLabel, maxLength);
}

export function choice<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, { error: `one of ${values.join(", ")}; set it to one of them` });
}

export function flag() {
  return z.boolean({ error: "true or false; set it to one of them, without quotes" });
}

export function address(what: string, example: string) {
  const message = allowed(what, example);
  return z.string(message).refine((value) => parseAddress(value) !== undefined, message);
}

export function subnet(example: string) {
  const message = allowed("an IPv4 range whose address is its first one", example);
  return z.string(message).refine((value) => parseSubnet(value) !== undefined, message);
}

/** A mapping that refuses keys it does not know; the message for those is the list of known ones. */
export function mapping<Shape extends z.core.$ZodShape>(shape: Shape) {
  const keys = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? keys : `a mapping with ${keys}; write it as one`),
  });
}

export function named<Value extends z.ZodType>(name: z.ZodString, value: Value, what: string) {
  return z.record(name, value, { error: `a mapping of ${what}; write it as one` });
}

const alternatives = new WeakMap<z.ZodType, readonly z.ZodType[]>();

/** What may stand where `textOr` made a schema; undefined for any other. */
export const alternativesOf = (schema: z.ZodType) => alternatives.get(schema);

/** A text, or a mapping that says more. Each is told of by its own messages. */
export function textOr<Text extends z.ZodType, More extends z.ZodType>(short: Text, long: More) {
  const made = z.unknown().transform((value, context): z.output<Text> | z.output<More> => {
    const result = (typeof value === "string" ? short : long).safeParse(value);
    if (result.success) return result.data;
    const { issues }: { readonly issues: readonly object[] } = result.error;
    for (const issue of issues) context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
    return z.NEVER;
  });
  alternatives.set(made, [short, long]);
  return made;
}

export const fields = z.record(z.string(), z.unknown(), {
  error: "a mapping of the fields of its kind; write it as one",
});
export const texts = (what: string) =>
  z.record(z.string(), z.string({ error: "text; put it in quotes" }), {
    error: `a mapping of ${what}; write it as one`,
  });
/** Environment of a process: a name that every shell takes. */
export const environment = () =>
  named(
    text("the name of an environment variable", "LOG_LEVEL", /^[A-Za-z_][A-Za-z0-9_]*$/, 253),
    z.string({ error: "text; put it in quotes" }),
    "environment variables",
  );
/** Files of one folder: what a ConfigMap or a Secret takes as a key. */
export const files = () =>
  named(
    text("a file name", "app.yaml", /^(?!\.\.)[A-Za-z0-9._-]*[A-Za-z0-9_-]$/, 253),
    z.string({ error: "text; put it in quotes" }),
    "files: name to text",
  );
export const list = <Item extends z.ZodType>(item: Item, what: string) =>
  z.array(item, { error: `a list of ${what}; write it as one` });
