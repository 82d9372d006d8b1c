import { stringify } from "yaml";

/** What data/rules/services.yaml is told of a stack's services: which ones there should be something to scrape of. */
export function serviceRules(
  namespace: string,
  services: Readonly<Record<string, { readonly scrape: boolean }>>,
): string {
  const scraped = Object.keys(services).filter((name) => services[name]?.scrape === true);
  const rules = scraped
    .sort()
    .map((service) => ({ record: "quorum:service_info", expr: "vector(1)", labels: { namespace, service } }));
  return stringify({ groups: [{ name: "quorum-services-configured", rules }] });
}
