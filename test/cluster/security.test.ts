import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubectl, pods, tryKubectl } from "./quorum.ts";

const own = "security-digests";
const busybox = "localhost:5000/library/busybox:1.35.0";
const digest = `sha256:${"a".repeat(64)}`;

beforeAll(async () => {
  await kubectl(
    ["apply", "-f", "-"],
    JSON.stringify({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: own, labels: { "quorum.dev/digests": "required" } },
    }),
  );
});
afterAll(() => kubectl(["delete", "namespace", own, "--wait=false"]));

/** A pod that Pod Security `restricted` would let in. */
function pod(image: string, spec: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "security-test" },
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: "RuntimeDefault" } },
      containers: [container("main", image)],
      ...spec,
    },
  };
}

function container(name: string, image: string): object {
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  return { name, image, command: ["sleep", "1d"], securityContext };
}

/** What the API server says to a pod, which is not made whatever it says. */
async function answerTo(object: object, namespace = "default"): Promise<string> {
  const ended = await tryKubectl(["create", "--dry-run=server", "-n", namespace, "-f", "-"], JSON.stringify(object));
  return ended.code === 0 ? "admitted" : ended.stderr;
}

const policy =
  "ValidatingAdmissionPolicy 'quorum-dev-trusted-images' with binding 'quorum-dev-trusted-images' denied request";
const untrusted = (image: string) =>
  `${policy}: image ${image} is not of a trusted registry (localhost:5000); push it to one of them and name that in full, or add its registry to quorum:images.trusted of stack dev`;

describe("admission of images", () => {
  test.each([
    "docker.io/library/nginx:1",
    "nginx:1",
    "library/nginx",
    "localhost:5000.example.com/app:1",
    "localhost:50001/app:1",
    "localhost/app:1",
    "example.com/localhost:5000/app:1",
  ])("refuses %s, in the policy's words", async (image) => {
    expect(await answerTo(pod(image))).toContain(untrusted(image));
  });

  test("looks at every container, and at images that are mounted", async () => {
    const image = "docker.io/library/nginx:1";
    const placed = [
      { initContainers: [container("init", image)] },
      { containers: [container("main", busybox), container("second", image)] },
      { volumes: [{ name: "files", image: { reference: image } }] },
    ];
    for (const spec of placed) expect(await answerTo(pod(busybox, spec))).toContain(untrusted(image));
  });

  test("looks at containers that join a running pod", async () => {
    const [first] = await pods();
    const debug = ["debug", "-n", "apps", first?.name ?? "", "--profile=restricted", "-c", "security-test"];
    const { code, stderr } = await tryKubectl([...debug, "--image=docker.io/library/nginx:1"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(untrusted("docker.io/library/nginx:1"));
  });

  test("takes trusted images, and leaves kube-system alone", async () => {
    expect(await answerTo(pod(busybox))).toBe("admitted");
    expect(await answerTo(pod("registry.example.com/agent:1"), "kube-system")).toBe("admitted");
  });

  test("asks for digests where the namespace says so", async () => {
    expect(await answerTo(pod(busybox), own)).toBe("admitted");
    expect(await answerTo(pod(`localhost:5000/quorum/app:dev@${digest}`), own)).toBe("admitted");
    expect(await answerTo(pod("localhost:5000/quorum/app:dev"), own)).toContain(
      "image localhost:5000/quorum/app:dev has no digest, but this namespace has quorum.dev/digests=required; name it as name:tag@sha256:…",
    );
  });
});

test("a pod gets no token by accident", async () => {
  expect(await answerTo(pod(busybox), "apps")).toBe("admitted");
  const careless = await answerTo(pod(busybox, { automountServiceAccountToken: undefined }), "apps");
  expect(careless).toContain("the pod would get the token of the service account default");
});

test("operators see the cluster, and others do not", async () => {
  const may = async (group: string, verb: string, resource: string) => {
    const as = ["--as", "somebody", "--as-group", `dev-${group}`, "--as-group", "system:authenticated"];
    return (await tryKubectl(["auth", "can-i", verb, resource, "-A", ...as])).stdout.trim() === "yes";
  };
  for (const resource of ["nodes", "namespaces", "persistentvolumes", "storageclasses.storage.k8s.io"]) {
    const answers = await Promise.all(
      ["viewers", "developers", "operators"].map((group) => may(group, "list", resource)),
    );
    expect([resource, ...answers]).toEqual([resource, false, false, true]);
  }
  expect(await may("operators", "delete", "nodes")).toBe(false);
  expect(await may("operators", "list", "secrets")).toBe(false);
});

test("priorities are the cluster's, and none is forced on pods of others", async () => {
  const answer = await kubectl(["get", "priorityclasses", "-l", "quorum.dev/stack=dev", "-o", "json"]);
  const { items } = JSON.parse(answer) as {
    items: { metadata: { name: string }; value: number; globalDefault?: boolean; preemptionPolicy: string }[];
  };
  expect(items.map(({ metadata, value, preemptionPolicy }) => [metadata.name, value, preemptionPolicy]).sort()).toEqual(
    [
      ["quorum-batch", 1000, "Never"],
      ["quorum-critical", 1_000_000, "PreemptLowerPriority"],
      ["quorum-standard", 100_000, "PreemptLowerPriority"],
    ],
  );
  expect(items.some(({ globalDefault }) => globalDefault === true)).toBe(false);
});
