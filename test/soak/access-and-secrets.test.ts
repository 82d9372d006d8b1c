import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OwnStack } from "../cluster/own-stack.ts";
import { kubectl, list, only, quorum, succeed, tryKubectl } from "../cluster/quorum.ts";

const stack = new OwnStack("security");
const secretName = "shop-database";
const sections = {
  services: {
    shop: {
      image: "app",
      role: "web",
      replicas: 1,
      scrape: false,
      secrets: { generated: { DATABASE_PASSWORD: `${secretName}/password` } },
    },
  },
  security: {
    quota: { apps: { pods: 4, memoryMiB: 1024 } },
    access: { viewers: ["security-viewers"], developers: ["security-developers"], operators: ["security-operators"] },
    generatedSecrets: { [secretName]: { keys: ["password", "user"], length: 40 } },
  },
};

beforeAll(async () => {
  await stack.up(sections);
});
afterAll(() => stack.down());

/** A pod that Pod Security and admission would let in. */
function pod(name: string, memory: string): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: stack.apps },
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "main",
          image: "localhost:5000/library/busybox:1.35.0",
          command: ["sleep", "1d"],
          resources: { requests: { memory }, limits: { memory } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  };
}

const create = (object: object) => tryKubectl(["create", "--dry-run=server", "-f", "-"], JSON.stringify(object));

describe("the quota of a namespace", () => {
  test("takes a pod that fits, and refuses one that does not", async () => {
    expect(await create(pod("fits", "128Mi"))).toMatchObject({ code: 0 });
    const refused = await create(pod("large", "1000Mi"));
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(
      /exceeded quota: quorum, requested: limits\.memory=1000Mi,.*limited: limits\.memory=1Gi/,
    );
  });

  test("bounds each container, and gives limits to one that names none", async () => {
    const refused = await create(pod("huge", "5Gi"));
    expect(refused.stderr).toContain("maximum memory usage per Container is 4Gi, but limit is 5Gi");
    const bare = pod("bare", "128Mi") as { spec: { containers: { resources?: object }[] } };
    for (const container of bare.spec.containers) delete container.resources;
    const made = await tryKubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], JSON.stringify(bare));
    expect(JSON.parse(made.stdout).spec.containers[0].resources).toEqual({
      requests: { cpu: "50m", memory: "128Mi", "ephemeral-storage": "64Mi" },
      limits: { cpu: "1", memory: "256Mi", "ephemeral-storage": "256Mi" },
    });
  });
});

const groups = ["viewers", "developers", "operators"] as const;
type Question = readonly [verb: string, resource: string, namespace?: string];

/** What `kubectl auth can-i` asks, for every group and all questions in one call; the answers by group, in the questions' order. */
async function answers(questions: readonly Question[]): Promise<boolean[][]> {
  const items = questions.flatMap(([verb, full, namespace = stack.apps]) =>
    groups.map((group) => {
      const [name = "", subresource = ""] = full.split("/");
      const [resource = "", ...apiGroup] = name.split(".");
      const resourceAttributes = { verb, resource, group: apiGroup.join("."), subresource, namespace };
      return {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user: "somebody", groups: [`security-${group}`, "system:authenticated"], resourceAttributes },
      };
    }),
  );
  const said = await kubectl(
    ["create", "-o", 'jsonpath={.status.allowed}{"\\n"}', "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  );
  const allowed = said
    .trim()
    .split("\n")
    .map((line) => line.trim() === "true");
  return questions.map((_, index) => allowed.slice(index * groups.length, (index + 1) * groups.length));
}

describe("who may do what", () => {
  const table: readonly (readonly [string, string, boolean, boolean, boolean])[] = [
    // verb, resource, viewers, developers, operators
    ["list", "pods", true, true, true],
    ["get", "deployments.apps", true, true, true],
    ["get", "configmaps", true, true, true],
    ["get", "pods/log", false, true, true],
    ["create", "pods/exec", false, true, true],
    ["delete", "pods", false, true, true],
    ["patch", "deployments.apps", false, true, true],
    ["update", "deployments.apps/scale", false, true, true],
    ["create", "jobs.batch", false, true, true],
    ["get", "secrets", false, false, true],
    ["list", "secrets", false, false, true],
    ["create", "networkpolicies.networking.k8s.io", false, false, true],
    ["create", "rolebindings.rbac.authorization.k8s.io", false, false, true],
    ["delete", "persistentvolumeclaims", false, false, true],
    ["escalate", "roles.rbac.authorization.k8s.io", false, false, false],
    ["bind", "roles.rbac.authorization.k8s.io", false, false, false],
    ["impersonate", "serviceaccounts", false, false, false],
    ["create", "serviceaccounts/token", false, false, false],
    ["delete", "namespaces", false, false, false],
    ["deletecollection", "pods", false, false, false],
  ];

  test("is as the roles say", async () => {
    const said = await answers(table.map(([verb, resource]) => [verb, resource]));
    expect(table.map(([verb, resource], index) => [verb, resource, ...(said[index] ?? [])])).toEqual(table);
  });

  test("ends at the stack's own namespaces", async () => {
    const places = [stack.monitoring, "default", "apps"].map((place): Question => ["list", "pods", place]);
    expect(await answers(places)).toEqual([
      [true, true, true],
      [false, false, false],
      [false, false, false],
    ]);
  });

  test("is what kubectl auth can-i says to a member of the group", async () => {
    const canI = async (group: string) => {
      const as = ["--as", "somebody", "--as-group", `security-${group}`, "--as-group", "system:authenticated"];
      return (await tryKubectl(["auth", "can-i", "create", "pods", "--subresource=exec", "-n", stack.apps, ...as]))
        .stdout;
    };
    expect((await Promise.all(groups.map(canI))).map((answer) => answer.trim())).toEqual(["no", "yes", "yes"]);
  });
});

describe("a generated secret", () => {
  /** Base64, as it is stored. */
  const stored = async () =>
    JSON.parse(await kubectl(["get", "secret", secretName, "-n", stack.apps, "-o", "jsonpath={.data}"])) as Record<
      string,
      string
    >;
  const plain = (value = "") => Buffer.from(value, "base64").toString();
  const inPod = async () =>
    (await kubectl(["exec", "-n", stack.apps, "deployment/shop", "--", "printenv", "DATABASE_PASSWORD"])).trim();
  let first: Record<string, string>;

  test("is made in the cluster, and the pod has it", async () => {
    first = await stored();
    expect(Object.keys(first).sort()).toEqual(["password", "user"]);
    expect(plain(first["password"])).toMatch(/^[A-Za-z0-9]{40}$/);
    expect(await inPod()).toBe(plain(first["password"]));
  });

  test("is in nothing but its Secret", async () => {
    const [inventory, template, job, log] = await Promise.all([
      kubectl(["get", "configmap", "quorum-inventory-security", "-n", "quorum-system", "-o", "json"]),
      kubectl(["get", "deployment,replicaset,pod,configmap", "-n", stack.apps, "-o", "json"]),
      kubectl(["get", "job", "-n", stack.apps, "-o", "json"]),
      kubectl(["logs", "-n", stack.apps, "-l", "app=generated-secrets"]),
    ]);
    for (const text of [inventory, template, job, log]) {
      expect(text).not.toContain(plain(first["password"]));
      expect(text).not.toContain(first["password"]);
    }
    expect(log).toContain(`${secretName}: made`);
  });

  test("is rotated by the command, which replaces the pods and shows no value", async () => {
    const before = await only("pods", stack.apps, "app=shop");
    const said = await succeed(["secret", "rotate", secretName, ...commandFlags()]);
    const second = await stored();
    expect(second["password"]).not.toBe(first["password"]);
    expect(second["user"]).not.toBe(first["user"]);
    expect(await inPod()).toBe(plain(second["password"]));
    expect(said.stdout).toContain(`${stack.apps}/${secretName}: new values for password and user`);
    expect(said.stdout).toContain("deployment/shop: its pods are being replaced");
    expect(said.stdout + said.stderr).not.toContain(plain(second["password"]));
    const left = await list("pods", stack.apps, "app=shop");
    expect(left.map(({ metadata }) => metadata.uid)).not.toContain(before.metadata.uid);
  });

  test("stays as it is at the next up, and nothing shows as changed", async () => {
    const rotated = await stored();
    expect((await stack.preview(sections)).stdout).toContain("0 to be created, 0 to be changed, 0 to be deleted");
    await stack.up(sections);
    expect(await stored()).toEqual(rotated);
  });

  test("is listed, with those who use it", async () => {
    const { stdout } = await succeed(["secret", "list", ...commandFlags()]);
    expect(stdout).toMatch(/security-apps\/shop-database {2}password, user {2}made \S+Z {2}used by deployment\/shop/);
    expect(await quorum(["secret", "rotate", "shop-databse", ...commandFlags()])).toMatchObject({ code: 1 });
  });

  const commandFlags = () => stack.flags(sections).filter((flag) => flag !== "--engine" && flag !== "direct");
});
