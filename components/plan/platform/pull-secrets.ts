/** Name of the Secret by which the pods of a namespace pull. */
export const pullSecretName = "quorum-pull";

/** Content of a Secret of type kubernetes.io/dockerconfigjson. */
export function dockerConfig(
  credentials: Readonly<Record<string, { readonly username: string; readonly password: string }>>,
): string {
  const auths = Object.entries(credentials)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([host, { username, password }]) => [
      hostKey(host),
      { username, password, auth: Buffer.from(`${username}:${password}`).toString("base64") },
    ]);
  return JSON.stringify({ auths: Object.fromEntries(auths) as object });
}

/** Docker Hub's credentials are looked up by the address of its first interface. */
function hostKey(host: string): string {
  return host === "docker.io" ? "https://index.docker.io/v1/" : host;
}
