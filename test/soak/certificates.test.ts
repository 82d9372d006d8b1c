import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { behindBalancer } from "../cluster/host-loss.ts";
import { makeObjects, missingObjects } from "../cluster/many-objects.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";

const pki = "/etc/kubernetes/pki";
const objects = 50;
const single = { name: "certified", hosts: { "certified-1": "10.210.0.26" } };

/** A script for a host: everything that kubeadm had signed for a year ended yesterday, the kubelet's client certificate too. */
const expireAll = `set -e
work=$(mktemp -d)
signed() { # certificate, key, authority: the same names and uses, signed by the same authority, and over
  openssl x509 -x509toreq -copy_extensions copyall -in "$1" -signkey "$2" -out $work/request 2>/dev/null
  openssl x509 -req -in $work/request -CA $3.crt -CAkey $3.key -CAserial $work/serial -CAcreateserial -days -1 -copy_extensions copyall -out $work/signed 2>/dev/null
}
for name in apiserver apiserver-kubelet-client; do signed ${pki}/$name.crt ${pki}/$name.key ${pki}/ca; cp $work/signed ${pki}/$name.crt; done
signed ${pki}/front-proxy-client.crt ${pki}/front-proxy-client.key ${pki}/front-proxy-ca; cp $work/signed ${pki}/front-proxy-client.crt
for file in ${pki}/apiserver-etcd-client.crt ${pki}/etcd/server.crt ${pki}/etcd/peer.crt ${pki}/etcd/healthcheck-client.crt; do
  signed $file \${file%.crt}.key ${pki}/etcd/ca; cp $work/signed $file
done
for file in /etc/kubernetes/*.conf; do
  sed -n 's/.*client-certificate-data: //p' $file | base64 -d > $work/certificate
  sed -n 's/.*client-key-data: //p' $file | base64 -d > $work/key
  [ -s $work/certificate ] || continue
  signed $work/certificate $work/key ${pki}/ca
  sed -i "s|client-certificate-data: .*|client-certificate-data: $(base64 -w0 $work/signed)|" $file
done
kubelet=/var/lib/kubelet/pki/kubelet-client-current.pem
signed $kubelet $kubelet ${pki}/ca; { cat $work/signed; openssl pkey -in $kubelet; } > $work/both; cat $work/both > $kubelet
rm -r $work
kubeadm certs check-expiration 2>&1 | grep -c '<invalid>'`;

/** Days that are left of the certificate that an API server shows. */
const shownDays = async (own: OwnHosts, name: string): Promise<number> => {
  const shown = "openssl s_client -connect 127.0.0.1:6443 </dev/null 2>/dev/null";
  const ends = await own.ssh(name, `${shown} | openssl x509 -noout -enddate | cut -d= -f2`);
  return (Date.parse(ends) - Date.now()) / 86_400_000;
};

describe.each([
  { what: "one host", options: single },
  { what: "three hosts", options: behindBalancer("expired") },
])("certificates of $what have all run out", ({ options }) => {
  let own: OwnHosts;
  const names = Object.keys(options.hosts);
  beforeAll(async () => {
    own = await OwnHosts.make(options, console.log);
    await own.up();
    await makeObjects(own, "keep", objects);
  });
  afterAll(async () => own.remove());

  test("renew makes all of them anew without an API server, run twice too; up takes over the rest", async () => {
    for (const name of names) expect(Number(await own.ssh(name, expireAll))).toBeGreaterThanOrEqual(10);
    for (const name of names) await own.kill(name);
    for (const name of names) await own.start(name);
    const refused = await own.tryKubectl(["get", "namespaces", "--request-timeout=5s"]);
    expect(refused.code).not.toBe(0);

    const { seconds, stdout } = await own.operate("renew");
    console.log(`certificates of ${names.length} hosts that had run out: new in ${Math.round(seconds)} s`);
    expect(stdout).toContain("all certificates are new");
    await own.operate("renew");
    for (const name of names) expect(await shownDays(own, name)).toBeGreaterThan(300);

    await own.up();
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
    const ready = ["wait", "nodes", "--all", "--for=condition=Ready", "--timeout=120s"];
    expect((await own.kubectl(ready)).trim().split("\n")).toHaveLength(names.length);
    const { stdout: again } = await own.up();
    expect(again).toMatch(/^nothing to change: /m);
  });
});

describe("the API server's certificate is wrong", () => {
  const [host = ""] = Object.keys(single.hosts);
  const names = () => own.ssh(host, `openssl x509 -noout -ext subjectAltName -in ${pki}/apiserver.crt`);
  let own: OwnHosts;
  beforeAll(async () => {
    own = await OwnHosts.make(single, console.log);
    await own.up();
  });
  afterAll(async () => own.remove());

  test("a name that is missing comes with certSans and an up, and the server shows it", async () => {
    expect(await names()).not.toContain("api.example.org");
    own.change({ controlPlane: { certSans: ["api.example.org"] } });
    await own.up();
    const shown = `openssl s_client -connect 127.0.0.1:6443 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName`;
    expect(await own.ssh(host, shown)).toContain("api.example.org");
  });

  test("names that the file has, and the certificate has not, come back with renew", async () => {
    await own.ssh(
      host,
      `set -e; cd ${pki}
openssl req -new -key apiserver.key -subj /CN=kube-apiserver -out ~/request
printf 'subjectAltName=DNS:elsewhere.example.org\\nextendedKeyUsage=serverAuth\\n' > ~/names
openssl x509 -req -in ~/request -CA ca.crt -CAkey ca.key -CAserial ~/serial -CAcreateserial -days 300 -extfile ~/names -out apiserver.crt
rm ~/request ~/names ~/serial`,
    );
    await own.kill(host);
    await own.start(host);
    const refused = async () => (await own.tryKubectl(["get", "--raw", "/readyz", "--request-timeout=5s"])).stderr;
    await expect.poll(refused, { timeout: 120_000, interval: 2000 }).toMatch(/x509: .*(valid for elsewhere|IP SANs)/);
    await own.operate("renew");
    await own.up();
    expect(await names()).toContain("api.example.org");
    expect(await own.kubectl(["get", "--raw", "/readyz"])).toBe("ok");
  });
});
