import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A command as a document shows it. */
export interface ShownCommand {
  readonly file: string;
  readonly line: string;
}

const fence = /^```(sh|console|bash)[^\n]*\n([^]*?)^```/gm;

/** Commands in the fences of a page; a line that ends with a pipe or a backslash goes on in the next. */
export function commandsOf(file: string, text: string): ShownCommand[] {
  return [...text.matchAll(fence)].flatMap(([, , body = ""]) =>
    body
      .replaceAll(/([|\\])\n\s*/g, (_, mark: string) => (mark === "|" ? "| " : ""))
      .split("\n")
      .map((line) => line.replace(/\s+#\s.*$/, "").trim())
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => ({ file, line })),
  );
}

/** The README and docs/; runbooks have a test of their own, which runs each of their commands. */
export function shownCommands(root: string): ShownCommand[] {
  const files = ["README.md", ...globSync("docs/*.md", { cwd: root }).sort()];
  return files.flatMap((file) => commandsOf(file, readFileSync(join(root, file), "utf8")));
}

/** A kind of command, and what runs it. */
export interface Proof {
  readonly command: RegExp;
  /** Files of tests, each with words that show where in it. */
  readonly by: Readonly<Record<string, RegExp>>;
}

const own = "test/documents/commands.test.ts";

export const proofs: readonly Proof[] = [
  { command: /^npm start( -- --context NAME)?$/, by: { "test/cluster/setup.ts": /"start"/ } },
  { command: /^npm test$/, by: { ".ci/run": /npm test/ } },
  {
    command: /^curl http:\/\/localhost:9376\/api\/job\/run\/wakeUp$/,
    by: { "test/cluster/app.test.ts": /\/api\/job\/run/ },
  },
  {
    command: /^curl 'http:\/\/localhost:9090\/api\/v1\/query\?query=sum\(application_api\)'$/,
    by: { "test/cluster/prometheus.test.ts": /application_api/ },
  },
  {
    command: /^curl -sD - -o \/dev\/null http:\/\/localhost:9376\/ \| grep x-trace-id$/,
    by: { "test/cluster/queries.test.ts": /x-trace-id/ },
  },
  {
    command: /^curl http:\/\/localhost:9093\/api\/v2\/alerts$/,
    by: { "test/soak/newcomer.test.ts": /api\/v2\/alerts/ },
  },
  {
    command: /^KUBECONFIG=\.quorum\/dev\.kubeconfig kubectl get pods -A$/,
    by: { "test/soak/newcomer.test.ts": /"get", "pods", "-A"/ },
  },
  {
    command: /^npm run preview( -- --stack (dev|prod))?$/,
    by: { "test/cluster/change.test.ts": /preview/, "test/soak/newcomer.test.ts": /"preview"/ },
  },
  {
    command: /^npm run up( -- --stack (dev|prod))?$/,
    by: { "test/cluster/change.test.ts": /"up"/, "test/soak/newcomer.test.ts": /"up"/ },
  },
  {
    command: /^npm run down( -- --stack dev)?$/,
    by: { "test/cluster/down.test.ts": /"down"/, "test/soak/newcomer.test.ts": /"down"/ },
  },
  { command: /^npm run local -- reset$/, by: { "test/cluster/down.test.ts": /"reset"/ } },
  { command: /^npm run render -- --stack prod --out \S+$/, by: { [own]: /runs/ } },
  { command: /^npm run plan -- --stack prod( --base HEAD --markdown)?$/, by: { [own]: /runs/ } },
  {
    command: /^npm run plan -- --stack prod --bundle \S+$/,
    by: { [own]: /runs/, "test/soak/bundle.test.ts": /"--bundle"/ },
  },
  { command: /^npm run bundle -- --stack dev --out \S+$/, by: { "test/soak/air-gap.test.ts": /"bundle"/ } },
  {
    command: /^(tar -xf dev\.tar|\.\/install\.sh \S+ --context NAME)$/,
    by: { "test/air-gap/bundle.test.ts": /install\.sh/, "test/soak/air-gap.test.ts": /install\.sh/ },
  },
  { command: /^npm (run build|pack \.\/dist)$/, by: { "test/library/package.test.ts": /buildLibrary[^]*"pack"/ } },
  { command: /^npm run secret -- (list|rotate \S+)$/, by: { "test/soak/access-and-secrets.test.ts": /"secret"/ } },
  {
    command: /^npm run backup -- (list|run|drill|fetch) etcd( .*)?$/,
    by: { "test/soak/etcd-care.test.ts": /"backup"/ },
  },
  { command: /^npm run backup -- open ARCHIVE .*$/, by: { "test/soak/etcd-care.test.ts": /"open"/ } },
  {
    command: /^kubectl exec .* amtool (config routes test|silence add) .*$/,
    by: { "test/soak/alerts.test.ts": /amtool/ },
  },
  { command: /^kubectl get secret grafana-admin .*$/, by: { "test/cluster/grafana.test.ts": /grafana-admin/ } },
  {
    command: /^npm run supply-chain -- (keygen|attach|verify)( --stack prod)?( --key \S+)?$/,
    by: { "test/soak/supply-chain.test.ts": /"keygen"[^]*"attach"[^]*"verify"/ },
  },
];
