import { finding, listOf, mapOf, objectsOf, show } from "../objects.ts";
import type { Finding, PolicyObject, Rule } from "../types.ts";

const total = 100;

export const weights: Rule = {
  name: "weights",
  scope: "object",
  description: `Weights of a route are whole numbers that total ${total}, so that they read as shares.`,
  check: (input) => [
    ...objectsOf(input, "VirtualService").flatMap((route) =>
      ["http", "tcp", "tls"].flatMap((protocol) => routeFindings(route, protocol, "route")),
    ),
    ...objectsOf(input, "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute").flatMap((route) =>
      routeFindings(route, "rules", "backendRefs"),
    ),
  ],
};

function routeFindings(object: PolicyObject, rules: string, destinations: string): Finding[] {
  return listOf(mapOf(object["spec"])[rules]).flatMap((rule, index) => {
    const given = listOf(mapOf(rule)[destinations]).map((destination) => mapOf(destination)["weight"]);
    if (given.some((weight) => typeof weight === "symbol")) return [];
    // One destination has everything, whatever it weighs, unless it weighs nothing.
    if (given.length === 0 || (given.length === 1 && given[0] === undefined)) return [];
    const sum = given.reduce<number>((all, weight) => all + (typeof weight === "number" ? weight : 0), 0);
    const whole = given.every((weight) => Number.isInteger(weight) && Number(weight) >= 0);
    if (whole && sum === total) return [];
    const text = `has weights ${given.map((weight) => show(weight)).join(", ")}, which total ${sum}, but they are whole and total ${total}; set them so`;
    return [finding(object, `spec.${rules}.${index}.${destinations}`, text)];
  });
}
