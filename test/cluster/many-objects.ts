import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { parse } from "yaml";
import type { OwnHosts } from "./own-hosts.ts";

/** Calls that are made at the same time. */
const side = 16;

/** Makes so many ConfigMaps in a namespace of their own, side by side: `kubectl apply` takes minutes for ten thousand. */
export async function makeObjects(own: OwnHosts, namespace: string, count: number): Promise<void> {
  await own.kubectl(["create", "namespace", namespace]);
  const { clusters, users } = parse(readFileSync(own.kubeconfig, "utf8")) as {
    clusters: [{ cluster: { server: string; "certificate-authority-data": string } }];
    users: [{ user: { "client-certificate-data": string; "client-key-data": string } }];
  };
  const bytes = (text: string) => Buffer.from(text, "base64");
  const [{ user }] = users;
  const [{ cluster }] = clusters;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: side,
    ca: bytes(cluster["certificate-authority-data"]),
    cert: bytes(user["client-certificate-data"]),
    key: bytes(user["client-key-data"]),
  });
  const url = new URL(`/api/v1/namespaces/${namespace}/configmaps`, cluster.server);
  const make = (index: number) =>
    new Promise<void>((resolve, reject) => {
      const sent = request(
        url,
        { method: "POST", agent, headers: { "content-type": "application/json" } },
        (answer) => {
          answer.resume().once("end", () => {
            if (answer.statusCode === 201) resolve();
            else reject(new Error(`object ${index} was answered with ${answer.statusCode}`));
          });
        },
      );
      sent.once("error", reject);
      sent.end(JSON.stringify({ metadata: { name: nameOf(index) }, data: { value: String(index) } }));
    });
  let next = 0;
  const worker = async () => {
    while (next < count) await make(next++);
  };
  await Promise.all(Array.from({ length: side }, worker));
  agent.destroy();
}

const nameOf = (index: number) => `object-${index}`;

/** Which of the objects are not there, or not as they were made. */
export async function missingObjects(own: OwnHosts, namespace: string, count: number): Promise<string[]> {
  const answer = await own.kubectl(["get", "configmaps", "--namespace", namespace, "--output", "json"]);
  const { items } = JSON.parse(answer) as { items: { metadata: { name: string }; data?: { value?: string } }[] };
  const held = new Map(items.map(({ metadata, data }) => [metadata.name, data?.value]));
  return Array.from({ length: count }, (_, index) => index)
    .filter((index) => held.get(nameOf(index)) !== String(index))
    .map(nameOf);
}
