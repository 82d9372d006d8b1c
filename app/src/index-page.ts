export interface Entry {
  readonly url: string;
  readonly summary: string;
}

/** The menu of a service: a page without scripts or styles. Nothing in it comes from a request. */
export function indexPage(appName: string, entries: readonly Entry[]): string {
  const items = entries.map(({ url, summary }) => `<li><a href="${url}" rel="nofollow">${url}</a> ${summary}</li>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${appName}</title>
<h1>${appName}</h1>
<ul>
${items.join("\n")}
</ul>
</html>
`;
}
