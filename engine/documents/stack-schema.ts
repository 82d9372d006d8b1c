import { z } from "zod";
import { sections } from "../../config/schema.ts";
import { alternativesOf } from "../../config/schema/shapes.ts";
import { SchemaComments } from "./comments.ts";

/** The part of JSON Schema that is written here. */
export interface JsonSchema {
  $schema?: string;
  $id?: string;
  title?: string;
  description?: string;
  type?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, JsonSchema>;
  patternProperties?: Record<string, JsonSchema | false>;
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: JsonSchema;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  $ref?: string;
  definitions?: Record<string, JsonSchema>;
}

const dialect = "http://json-schema.org/draft-07/schema#";

/** A value that only a secret's store or its encryption can show. */
const secretValue: JsonSchema = {
  description:
    "A secret: encrypted by `pulumi config set --secret --path`, or, under the direct engine, any text; it is looked up elsewhere.",
  type: "object",
  properties: { secure: { type: "string" } },
  required: ["secure"],
  additionalProperties: false,
};

/**
 * The JSON schema of a stack's file, made from the schema that reads it.
 *
 * What no JSON schema can say (that a service exists, that numbers fit together) is left to `npm run preview`.
 */
export function stackSchema(root: string): JsonSchema {
  const comments = new SchemaComments(root);
  const names = Object.keys(sections);
  const properties = Object.fromEntries(
    Object.entries(sections).map(([name, section]): [string, JsonSchema] => {
      const said = comments.of(names, name)?.text;
      const { description, ...schema } = schemaOf(section, comments);
      return [`quorum:${name}`, { description: said ?? description ?? name, ...schema }];
    }),
  );
  return {
    $schema: dialect,
    title: "Stack file of quorum",
    description: "Pulumi.<stack>.yaml: what one environment is made of.",
    type: "object",
    properties: {
      config: {
        type: "object",
        properties,
        patternProperties: { [`^quorum:(?!(${names.join("|")})$)`]: false },
        required: Object.entries(sections)
          .filter(([, section]) => !section.safeParse(undefined).success && !section.safeParse({}).success)
          .map(([name]) => `quorum:${name}`),
      },
    },
    required: ["config"],
    definitions: { secret: secretValue },
  };
}

function schemaOf(schema: z.ZodType, comments: SchemaComments): JsonSchema {
  const made = z.toJSONSchema(schema, {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) =>
      improve(zodSchema as unknown as z.ZodType, jsonSchema as JsonSchema, comments),
  }) as JsonSchema;
  delete made.$schema;
  return made;
}

/** Says of one part what JSON Schema has no words for by itself. */
function improve(schema: z.ZodType, json: JsonSchema, comments: SchemaComments): void {
  const alternatives = alternativesOf(schema);
  if (alternatives !== undefined) json.anyOf = alternatives.map((one) => schemaOf(one, comments));
  const said = allowedText(schema);
  if (said !== undefined && json.description === undefined) json.description = sentence(said);
  // A default around a mapping shows the same properties again.
  const mapping = schema._zod.def.type === "object";
  if (mapping && json.properties !== undefined) describeKeys(json, json.properties, comments);
  if (json.propertyNames !== undefined) json.propertyNames = withoutSecret(json.propertyNames);
  if (json.type === "string" && json.enum === undefined && json.const === undefined) orSecret(json);
}

/** Every text may be a secret. */
function orSecret(json: JsonSchema): void {
  const { description, default: fallback, ...text } = { ...json };
  for (const key of Object.keys(json)) delete json[key as keyof JsonSchema];
  Object.assign(json, {
    ...(description !== undefined && { description }),
    ...(fallback !== undefined && { default: fallback }),
    anyOf: [text, { $ref: "#/definitions/secret" }],
  });
}

function withoutSecret(json: JsonSchema): JsonSchema {
  const [text] = json.anyOf ?? [];
  return json.anyOf?.at(-1)?.$ref === "#/definitions/secret" && text !== undefined ? text : json;
}

function describeKeys(object: JsonSchema, properties: Record<string, JsonSchema>, comments: SchemaComments): void {
  const keys = Object.keys(properties);
  for (const [key, property] of Object.entries(properties)) {
    const comment = comments.of(keys, key);
    const parts = [
      comment?.text,
      property.description,
      ...(comment?.fallback === undefined ? [] : [`Default: ${comment.fallback}`]),
    ].filter((part) => part !== undefined && part !== "");
    if (parts.length > 0) properties[key] = { ...property, description: parts.map(sentence).join(" ") };
  }
  object.properties = properties;
}

const sentence = (text: string | undefined) => {
  const begun = `${(text ?? "").charAt(0).toUpperCase()}${(text ?? "").slice(1)}`;
  return /[.!?:]$/.test(begun) ? begun : `${begun}.`;
};

/** What a part's own error message says is allowed. */
function allowedText(schema: z.ZodType): string | undefined {
  const { error, type } = schema._zod.def as { error?: (issue: object) => unknown; type: string };
  // A mapping's message lists its keys, and an enumeration's its values: the schema does that itself.
  if (error === undefined || ["object", "enum", "boolean"].includes(type)) return undefined;
  const message = error({ code: "invalid_type", input: undefined });
  return typeof message === "string"
    ? message
        .replace(/; (set it, for example to|write it as|put it) /, ", such as ")
        .replace(/, such as (one|in quotes)$/, "")
    : undefined;
}
