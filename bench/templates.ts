import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { ManifestObject } from "./objects.ts";
import { type BenchService, modelService } from "./services.ts";

type Field = keyof BenchService;

/** What the peers' objects are made of. */
export interface Model {
  /** Of the size that is measured, as quotas follow the services. */
  readonly shared: readonly ManifestObject[];
  /** Of the model service. */
  readonly ofService: readonly ManifestObject[];
}

const mentions = (object: ManifestObject, names: RegExp) => names.test(JSON.stringify(object));

export const ofModelService = (objects: readonly ManifestObject[]) =>
  objects.filter((object) => mentions(object, new RegExp(modelService.name)));

/** Those that no service has a hand in alone. */
export const ofNoService = (objects: readonly ManifestObject[], services: readonly BenchService[]) => {
  const names = new RegExp(`\\b(${services.map(({ name }) => name).join("|")})\\b`);
  return objects.filter((object) => !mentions(object, names));
};

/** Longest first: one value may be part of another. */
const fields = (Object.keys(modelService) as Field[]).sort(
  (a, b) => String(modelService[b]).length - String(modelService[a]).length,
);
/** A short number such as the replicas may be part of a text by chance. */
const fieldsInText = fields.filter((field) => String(modelService[field]).length >= 5);

/** A text cut where values of the service are in it. */
function cut(text: string): (string | { readonly field: Field })[] {
  for (const field of fieldsInText) {
    const value = String(modelService[field]);
    const at = text.indexOf(value);
    if (at !== -1) return [...cut(text.slice(0, at)), { field }, ...cut(text.slice(at + value.length))];
  }
  return text === "" ? [] : [text];
}

function fieldOfNumber(value: unknown): Field | undefined {
  return typeof value === "number" ? fields.find((field) => modelService[field] === value) : undefined;
}

/** A JavaScript expression for a value, in which `service` gives what the model service gave. */
function toJavaScript(value: unknown): string {
  const field = fieldOfNumber(value);
  if (field !== undefined) return `service.${field}`;
  if (typeof value === "string") return textToJavaScript(value);
  if (Array.isArray(value)) return `[${value.map(toJavaScript).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}: ${toJavaScript(item)}`)
    .join(", ")} }`;
}

function textToJavaScript(text: string): string {
  const parts = cut(text);
  if (!parts.some((part) => typeof part === "object")) return JSON.stringify(text);
  const escape = (part: string) =>
    JSON.stringify(part)
      .slice(1, -1)
      .replace(/`|\$(?=\{)/g, "\\$&");
  return `\`${parts.map((part) => (typeof part === "string" ? escape(part) : `\${service.${part.field}}`)).join("")}\``;
}

/** Writes the module from which the bare loop and cdk8s take their objects, as literals. */
export function writeObjectsModule(file: string, { shared, ofService }: Model): void {
  const lines = (objects: readonly ManifestObject[]) =>
    objects.map((object) => `  ${toJavaScript(object)},\n`).join("");
  writeFileSync(
    file,
    `export const shared = [\n${lines(shared)}];\nexport const objectsOf = (service) => [\n${lines(ofService)}];\n`,
  );
}

/** Stands for an action of the chart's template until the YAML around it is written. */
const mark = (field: Field, number: boolean) => `⟦${number ? "#" : ""}${field}⟧`;

function withMarks(value: unknown): unknown {
  const field = fieldOfNumber(value);
  if (field !== undefined) return mark(field, true);
  if (typeof value === "string") {
    const parts = cut(value).map((part) => (typeof part === "string" ? part : mark(part.field, false)));
    return parts.join("");
  }
  if (Array.isArray(value)) return value.map(withMarks);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withMarks(item)]));
}

function toTemplate(object: ManifestObject): string {
  const yaml = stringify(withMarks(object), {
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "PLAIN",
    lineWidth: 0,
  });
  return yaml
    .replaceAll("{{", '{{ "{{" }}')
    .replace(/"⟦#(\w+)⟧"/g, "{{ int .$1 }}")
    .replace(/⟦(\w+)⟧/g, (_, field: Field) =>
      typeof modelService[field] === "number" ? `{{ int .${field} }}` : `{{ .${field} }}`,
    );
}

/** Writes a chart that ranges over the services in its values. */
export function writeChart(folder: string, { shared, ofService }: Model, services: readonly BenchService[]): void {
  mkdirSync(join(folder, "templates"), { recursive: true });
  const files = {
    "Chart.yaml": stringify({ apiVersion: "v2", name: "services", version: "0.1.0" }),
    "values.yaml": stringify({ services }),
    "templates/shared.yaml": shared.map(toTemplate).join("---\n"),
    "templates/services.yaml": `{{- range .Values.services }}\n${ofService.map((object) => `---\n${toTemplate(object)}`).join("")}{{- end }}\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}
