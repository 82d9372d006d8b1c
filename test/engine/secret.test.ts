import { describe, expect, test } from "vitest";
import { listSecrets, rotateSecret, type SecretRun, usesSecret } from "../../engine/generated-secrets.ts";
import { failureOf } from "./programs.ts";

const pods = (spec: object) => ({ template: { spec } });
const ready = { observedGeneration: 1, updatedReplicas: 1, replicas: 1, availableReplicas: 1 };
const env = (secret: string) => ({
  containers: [{ name: "a", env: [{ name: "P", valueFrom: { secretKeyRef: { name: secret, key: "password" } } }] }],
});
const deployment = (name: string, spec: object, status: object = ready) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "apps", generation: 1 },
  spec: { replicas: 1, ...pods(spec) },
  status,
});

interface Fake {
  readonly made?: boolean;
  readonly workloads?: object[];
}

function fake({ made = true, workloads = [] }: Fake = {}) {
  const calls: string[] = [];
  const inputs: string[] = [];
  const lines: string[] = [];
  const run: SecretRun = {
    kubectl: {
      call: (args, { input } = {}) => {
        calls.push(args.join(" "));
        if (input !== undefined) inputs.push(input);
        const line = args.join(" ");
        if (line.includes("creationTimestamp")) return Promise.resolve(made ? "2026-01-02T03:04:05Z" : "");
        if (line.startsWith("get secret ")) return Promise.resolve(made ? "secret/shop-database\n" : "");
        if (line.startsWith("get secrets -A")) return Promise.resolve("apps/shop-database\napps/old\n");
        if (line.startsWith("get ")) return Promise.resolve(JSON.stringify({ items: workloads }));
        return Promise.resolve("");
      },
    },
    stack: "dev",
    secrets: { "shop-database": { namespace: "apps", keys: ["password"], length: 24 } },
    namespaces: { apps: "apps" },
    timeoutSeconds: 1,
    log: (line) => lines.push(line),
  };
  return { run, calls, inputs, lines };
}

describe("a rotation", () => {
  test("writes new values, replaces the pods that use them, and shows no value", async () => {
    const { run, calls, inputs, lines } = fake({
      workloads: [deployment("shop", env("shop-database")), deployment("other", env("other-secret"))],
    });
    await rotateSecret(run, "shop-database");
    const [written = ""] = inputs;
    const value = (JSON.parse(written) as { data: Record<string, string> }).data["password"] ?? "";
    expect(Buffer.from(value, "base64").toString()).toMatch(/^[A-Za-z0-9]{24}$/);
    expect(calls).toContain("rollout restart deployment/shop -n apps");
    expect(lines).toEqual([
      "apps/shop-database: new values for password",
      "deployment/shop: its pods are being replaced",
      "all of them run with the new values",
    ]);
    expect([...calls, ...lines].join("\n")).not.toContain(value);
  });

  test("says so when no pod has to go", async () => {
    const { run, calls, lines } = fake();
    await rotateSecret(run, "shop-database");
    expect(calls.some((call) => call.startsWith("rollout"))).toBe(false);
    expect(lines.at(-1)).toMatch(/^no Deployment, StatefulSet or DaemonSet uses it/);
  });

  test("of a secret that is none is refused", async () => {
    const { run, calls } = fake();
    expect(await failureOf(() => rotateSecret(run, "shop-databse"))).toBe(
      '"shop-databse" is not in quorum:security.generatedSecrets of stack dev; did you mean shop-database?',
    );
    expect(calls).toEqual([]);
  });

  test("makes none: that is for up", async () => {
    const { run, inputs } = fake({ made: false });
    expect(await failureOf(() => rotateSecret(run, "shop-database"))).toBe(
      "Secret apps/shop-database was not made yet; npm run up -- --stack dev makes it",
    );
    expect(inputs).toEqual([]);
  });

  test("fails when pods do not come up with the new values", async () => {
    const stuck = deployment("shop", env("shop-database"), { ...ready, availableReplicas: 0 });
    const { run } = fake({ workloads: [stuck] });
    expect(await failureOf(() => rotateSecret(run, "shop-database"))).toMatch(
      /^not all pods run with the new values after 1 s \(deployment\/shop: 0 of 1 replicas available\)/,
    );
  });
});

test("the list says what there is, and who uses it", async () => {
  const { run, lines, calls } = fake({ workloads: [deployment("shop", env("shop-database"))] });
  await listSecrets(run);
  expect(lines).toEqual([
    "apps/shop-database  password  made 2026-01-02T03:04:05Z  used by deployment/shop",
    "apps/old  no longer asked for; kubectl delete secret takes it away",
  ]);
  expect(calls.filter((call) => call.includes("secret") && call.endsWith("-o json"))).toEqual([]);
});

test.each<[string, object, boolean]>([
  ["a variable", env("s"), true],
  ["all variables", { initContainers: [{ envFrom: [{ secretRef: { name: "s" } }] }] }, true],
  ["files", { volumes: [{ secret: { secretName: "s" } }] }, true],
  ["projected files", { volumes: [{ projected: { sources: [{ secret: { name: "s" } }] } }] }, true],
  ["a ConfigMap of that name", { volumes: [{ configMap: { name: "s" } }] }, false],
  ["another Secret", env("t"), false],
  ["credentials of a registry", { imagePullSecrets: [{ name: "s" }] }, false],
])("a pod that reads a Secret as %s", (_, spec, expected) => {
  expect(usesSecret(spec, "s")).toBe(expected);
});
