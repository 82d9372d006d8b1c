import { containersOf, finding, listOf, mapOf, objectsOf, podsOf, textOf } from "../objects.ts";
import type { Finding, PolicyInput, Rule } from "../types.ts";

/** Names that a secret usually has. A file's or an object's name may stand in the open. */
const secretName = /(^|_|-)(password|passwd|passphrase|secret|token|api_?key|private_?key|access_?key|credentials?)$/i;

/** What is a secret wherever it stands. Values are never shown. */
const secretShapes: readonly (readonly [what: string, shape: RegExp])[] = [
  ["a private key", /-----BEGIN ([A-Z]+ )*PRIVATE KEY-----/],
  ["a private key of age", /\bAGE-SECRET-KEY-1[A-Z0-9]{20,}/],
  ["an access key of AWS", /\b(AKIA|ASIA)[A-Z0-9]{16}\b/],
  ["a token of GitHub", /\bgh[pousr]_[A-Za-z0-9]{36,}\b/],
  ["a token of Slack", /\bxox[abprs]-[A-Za-z0-9-]{10,}/],
  ["a token of an account", /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/],
  ["a password in a URL", /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"'`${}<>]+:[^\s/:@"'`${}<>]+@[A-Za-z0-9.-]+/],
];

export const noPlainSecrets: Rule = {
  name: "no-plain-secrets",
  scope: "object",
  description: "Secrets stand in Secrets alone: never in a pod's environment or arguments, nor in a ConfigMap.",
  check: (input) => [...configMapFindings(input), ...podFindings(input)],
};

function configMapFindings(input: PolicyInput): Finding[] {
  return objectsOf(input, "ConfigMap").flatMap((map) =>
    Object.entries(mapOf(map["data"])).flatMap(([key, value]) => {
      const text = textOf(value) ?? "";
      const what = shapeOf(text) ?? (secretName.test(key) && isLiteral(text) ? "a secret by its name" : undefined);
      if (what === undefined) return [];
      return [
        finding(
          map,
          `data["${key}"]`,
          `holds ${what}, but a ConfigMap is read by many; put it into a Secret and mount that`,
        ),
      ];
    }),
  );
}

function podFindings(input: PolicyInput): Finding[] {
  return podsOf(input).flatMap((pod) =>
    containersOf(pod).flatMap(({ container, path }) => [
      ...listOf(container["env"]).flatMap((entry) => {
        const { name, value } = mapOf(entry);
        const text = textOf(value) ?? "";
        const what =
          shapeOf(text) ?? (secretName.test(String(name)) && isLiteral(text) ? "a secret by its name" : undefined);
        if (what === undefined) return [];
        const fix = "take it from a Secret with valueFrom.secretKeyRef";
        return [
          finding(
            pod.object,
            `${path}.env.${String(name)}`,
            `holds ${what} in plain text, but who sees pods sees it; ${fix}`,
          ),
        ];
      }),
      ...["command", "args"].flatMap((field) => {
        const what = listOf(container[field])
          .map((part) => shapeOf(textOf(part) ?? ""))
          .find((one) => one !== undefined);
        if (what === undefined) return [];
        return [
          finding(
            pod.object,
            `${path}.${field}`,
            `holds ${what}, which every process of the node sees; read it from a mounted Secret`,
          ),
        ];
      }),
    ]),
  );
}

function shapeOf(text: string): string | undefined {
  return secretShapes.find(([, shape]) => shape.test(text))?.[0];
}

/** A path to a file, a placeholder of a render, or a word such as `true` gives nothing away. */
function isLiteral(text: string): boolean {
  return text !== "" && !text.startsWith("/") && !text.startsWith("unset:") && !/^(true|false|\d+)$/.test(text);
}
