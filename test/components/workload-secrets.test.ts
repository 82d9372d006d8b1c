import { secret } from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { secretHash } from "../../components/plan/hash.ts";
import { Workload, type SecretArgs } from "../../components/workload/workload.ts";
import { record } from "../recorder.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const make = (secrets: SecretArgs, preview = false) =>
  record(
    () =>
      void new Workload("shop", {
        namespace: "apps",
        image: "registry.example.com/app:1",
        role: "web",
        port: 8080,
        secrets,
      }),
    { preview },
  );

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */
async function specs(secrets: SecretArgs, preview = false) {
  const recording = await make(secrets, preview);
  const deployment = recording.get("shop-deployment");
  const { template } = (deployment.inputs as any).spec;
  return { recording, deployment, template, container: template.spec.containers[0] };
}

describe("the secrets of a service", () => {
  const given = {
    env: { TOKEN: "hunter2" },
    files: { "key.pem": "hunter3" },
    generated: { DB: "shop-database/password" },
  };

  it.each([true, false])("lie in Secrets, stay secret, and are in no pod template (preview %s)", async (preview) => {
    const { recording, deployment, container, template } = await specs(
      { ...given, env: { TOKEN: secret("hunter2") } },
      preview,
    );
    const env = recording.get("shop-secret-env");
    const files = recording.get("shop-secret-files");
    expect(env.inputs).toMatchObject({ metadata: { name: "shop-env" }, data: { TOKEN: base64("hunter2") } });
    expect(files.inputs).toMatchObject({ metadata: { name: "shop-files" }, data: { "key.pem": base64("hunter3") } });
    for (const one of [env, files]) expect(one.secretPaths.map(([field]) => field)).toContain("data");
    expect(container.env).toEqual(
      expect.arrayContaining([
        { name: "TOKEN", valueFrom: { secretKeyRef: { name: "shop-env", key: "TOKEN" } } },
        { name: "DB", valueFrom: { secretKeyRef: { name: "shop-database", key: "password" } } },
      ]),
    );
    expect(container.volumeMounts).toContainEqual({ name: "secrets", mountPath: "/etc/shop-secrets", readOnly: true });
    expect(template.spec.volumes).toContainEqual({
      name: "secrets",
      secret: { secretName: "shop-files", defaultMode: 0o440 },
    });
    for (const text of ["hunter2", "hunter3", base64("hunter2"), base64("hunter3")]) {
      expect(JSON.stringify(deployment.inputs)).not.toContain(text);
    }
    // A template that were secret as a whole could not be reviewed.
    expect(deployment.secretPaths).toEqual([]);
  });

  it("roll the pods out when one changes, and only then", async () => {
    const hash = async (secrets: SecretArgs) =>
      (await specs(secrets)).template.metadata.annotations?.["quorum.dev/secret-hash"];
    const first = await hash(given);
    expect(first).toMatch(/^[0-9a-f]{16}$/);
    expect(await hash(given)).toBe(first);
    expect(await hash({ ...given, env: { TOKEN: "other" } })).not.toBe(first);
    expect(await hash({ ...given, files: { "key.pem": "other" } })).not.toBe(first);
    expect(await hash({ generated: given.generated })).toBeUndefined();
  });

  it("make no object where there are none", async () => {
    expect((await make({})).ofType(":Secret")).toEqual([]);
  });
});

describe("the hash that is shown", () => {
  it("costs whoever guesses, and differs from place to place", () => {
    const began = performance.now();
    const hash = secretHash({ a: "1", b: "2" }, "apps/shop");
    expect(performance.now() - began).toBeGreaterThan(10);
    expect(secretHash({ b: "2", a: "1" }, "apps/shop")).toBe(hash);
    expect(secretHash({ a: "1", b: "2" }, "apps/other")).not.toBe(hash);
  });
});
