/** How an image's reference must begin, or what it must be, to be of a trusted registry. */
export interface TrustedReferences {
  readonly prefixes: readonly string[];
  readonly exact: readonly string[];
}

const repositoryTail = /^[^/]+\/.+/;

/**
 * What references of trusted registries look like.
 *
 * Each prefix ends where a name ends, so `localhost:5000` is no prefix of `localhost:5000.example.com/app`, nor
 * `registry.example.com/team` of `registry.example.com/team-b/app`. A host without a path may not be followed by `:`, which
 * would be another port.
 */
export function trustedReferences(trusted: readonly string[]): TrustedReferences {
  const repositories = trusted.filter((entry) => repositoryTail.test(entry));
  return {
    prefixes: [...trusted.map((entry) => `${entry}/`), ...repositories.flatMap((entry) => [`${entry}:`, `${entry}@`])],
    exact: repositories,
  };
}

export function isTrusted(image: string, trusted: readonly string[]): boolean {
  const { prefixes, exact } = trustedReferences(trusted);
  return exact.includes(image) || prefixes.some((prefix) => image.startsWith(prefix));
}

/**
 * Whether the first part of a reference is a registry's host. Container runtimes take any other first part for a folder of
 * Docker Hub, so that `registry/app` is docker.io/registry/app.
 */
export function beginsWithHost(reference: string): boolean {
  const [host = ""] = reference.split("/");
  return host === "localhost" || /[.:]/.test(host);
}

/** Whether a reference ends with a digest. */
export function hasDigest(image: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(image);
}

/** The registry's host and the path of a reference, without its tag and digest. */
export function repositoryOf(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}
