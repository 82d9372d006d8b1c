import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../local/run.ts";
import { goProgram } from "../../local/toolchain.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { declared, type Map, Msgd, notify, PayChain, paySections, times } from "../cluster/pay-chain.ts";
import { root } from "../cluster/quorum.ts";

const slowMillis = 1500;
/** A table that both forms can express: methods, headers, a timeout, weights, and a version that gets a copy of everything. */
const versions = {
  "v0.1": { weight: 75 },
  "v0.2": { weight: 25 },
  slow: { weight: 0, env: { DELAY_MILLIS: String(slowMillis) } },
  shadow: { weight: 0 },
};
const table = {
  matches: [
    { methods: ["POST"], to: "v0.2" },
    { headers: { "x-to": { exact: "slow" } }, to: "slow", timeoutMillis: 500 },
    { headers: { "x-to": { regex: "v0[.]2|two" } }, to: "v0.2" },
  ],
  mirror: { to: "shadow" },
};

let own: OwnHosts;
let chain: PayChain;
let msgd: Msgd | undefined;
const sections = (svcb: Map, ofVersions: Map = versions) =>
  paySections({
    external: declared,
    versions: ofVersions,
    svcb,
    asked: { methods: ["GET", "POST"], paths: ["/notify"] },
    monitoring: { prometheus: { enabled: false } },
  });

beforeAll(async () => {
  own = await OwnHosts.make({
    name: "mesh-forms",
    hosts: { "mesh-73": "10.210.0.73" },
    sections: sections({ route: { api: "istio", ...table } }),
  });
  msgd = await Msgd.start();
  chain = new PayChain(own);
  await own.up();
});

afterAll(async () => {
  await own.remove();
  await msgd?.end();
});

/** The Gateway API's kinds, of the module that Istio is built from too. */
async function addGatewayKinds(): Promise<void> {
  const part = join(root, "local", "toolchain", "traefik");
  const module = await run(goProgram(), ["mod", "download", "-json", "sigs.k8s.io/gateway-api"], { cwd: part });
  const { Dir } = JSON.parse(module) as { Dir: string };
  const folder = join(Dir, "config/crd/standard");
  const files = readdirSync(folder).filter((name) =>
    /_(gatewayclasses|gateways|httproutes|referencegrants)\.yaml$/.test(name),
  );
  const named = files.flatMap((name) => ["-f", join(folder, name)]);
  await own.kubectl(["apply", "--server-side", ...named]);
  await own.kubectl(["wait", "--for=condition=Established", ...named]);
}

/** What svcb's callers see of its route table. */
async function measured() {
  const shadow = () => chain.received("svcb/svcb-shadow", "/notify");
  const before = await shadow();
  const [post, matched, alternative, slow, shared] = [
    await chain.ask("svca", notify, { method: "POST", count: 20 }),
    await chain.ask("svca", notify, { headers: { "x-to": "v0.2" }, count: 20 }),
    await chain.ask("svca", notify, { headers: { "x-to": "two" }, count: 20 }),
    await chain.ask("svca", notify, { headers: { "x-to": "slow" }, count: 5 }),
    await chain.ask("svca", notify, { count: 400, width: 8, headers: { "x-to": "v0-2" } }),
  ];
  // Copies are sent beside the requests, and may arrive after their answers.
  await sleep(2000);
  const ones = times(shared.seen, /^200 v0\.1 v0\.1$/);
  return {
    exact: {
      post: post.seen,
      matched: matched.seen,
      alternative: alternative.seen,
      slow: slow.seen,
      answered: ones + times(shared.seen, /^200 v0\.2 v0\.1$/),
      copies: (await shadow()) - before,
    },
    ones,
    slowest: Math.max(...Object.values(slow.slowest)),
  };
}

/** What every form of the table must come to. */
const expected = {
  post: { "200 v0.2 v0.1": 20 },
  matched: { "200 v0.2 v0.1": 20 },
  alternative: { "200 v0.2 v0.1": 20 },
  slow: { "504 upstream request timeout": 5 },
  answered: 400,
  copies: 465,
};

interface Found {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly subsets?: readonly { readonly name: string }[];
    readonly http?: readonly { readonly route: readonly { readonly destination: { readonly subset?: string } }[] }[];
  };
}

/** Subsets of svcb that there are, and those that its route names. */
async function subsets() {
  const kinds = "virtualservices.networking.istio.io,destinationrules.networking.istio.io";
  const { items } = JSON.parse(await own.kubectl(["get", kinds, "-n", "apps", "-o", "json"])) as { items: Found[] };
  const ours = items.filter(({ metadata }) => metadata.name.startsWith("svcb"));
  return {
    there: ours.flatMap(({ spec }) => spec.subsets?.map(({ name }) => name) ?? []),
    named: ours.flatMap(
      ({ spec }) =>
        spec.http?.flatMap(({ route }) => route.flatMap(({ destination }) => destination.subset ?? [])) ?? [],
    ),
  };
}
type Subsets = Awaited<ReturnType<typeof subsets>>;

const missing = ({ there, named }: Subsets) => named.filter((name) => !there.includes(name));

/** Runs `up` and kills it, with all that it started, as soon as the cluster looks so; every look must find a route to what is there. */
async function upKilledWhen(reached: (found: Subsets) => boolean): Promise<boolean> {
  const child = spawn("node", [join(root, "engine", "launch.js"), "up", ...own.flags()], {
    cwd: root,
    detached: true,
    stdio: "ignore",
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("up did not start");
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (child.exitCode === null) {
    const found = await subsets();
    // The two kinds are read one after the other: what the first look has of both sides of a change, the second has not.
    if (missing(found).length > 0) expect(missing(await subsets())).toEqual([]);
    if (reached(found)) process.kill(-pid, "SIGKILL");
    if (reached(found)) break;
  }
  await ended;
  return child.signalCode === "SIGKILL";
}

describe("a route table", () => {
  test("has the same measured behaviour as Istio's own objects and as a route of the Gateway API", async () => {
    const asIstio = await measured();
    console.log("istio", JSON.stringify(asIstio));
    expect(asIstio.exact).toEqual(expected);
    await addGatewayKinds();
    own.change({ sections: sections({ route: { api: "gateway", ...table } }) });
    await own.up();
    const gone = ["get", "virtualservices.networking.istio.io", "-n", "apps", "-o", "name"];
    expect(await own.kubectl(gone)).not.toContain("svcb");
    await sleep(3000);
    const asGateway = await measured();
    console.log("gateway", JSON.stringify(asGateway));
    expect(asGateway.exact).toEqual(expected);
    for (const { ones, slowest } of [asIstio, asGateway]) {
      // Four standard deviations of 400 draws at three in four.
      expect(Math.abs(ones - 300)).toBeLessThan(35);
      expect(slowest).toBeLessThan(slowMillis - 300);
    }
  });

  test("never leads to a version that is not there, though up is killed at its worst moments", async () => {
    const next = { "v0.1": { weight: 0 }, "v0.3": { weight: 100 } };
    own.change({ sections: sections({}, { "v0.1": { weight: 100 }, "v0.2": { weight: 0 } }) });
    await own.up();
    own.change({ sections: sections({}, next) });
    const served = async () => {
      const { seen } = await chain.ask("svca", notify, { count: 30, width: 3 });
      expect(times(seen, /^200 /), JSON.stringify(seen)).toBe(30);
      expect(missing(await subsets())).toEqual([]);
      return seen;
    };
    // Between the new version's subset and the route to it.
    expect(await upKilledWhen(({ there }) => there.includes("v0-3"))).toBe(true);
    expect(await subsets()).toEqual({ there: expect.arrayContaining(["v0-1", "v0-2", "v0-3"]), named: ["v0-1"] });
    expect(await served()).toEqual({ "200 v0.1 v0.1": 30 });
    // Between the new route and the deletion of the old version's subset.
    await upKilledWhen(({ named }) => named.includes("v0-3"));
    expect((await subsets()).named).toEqual(["v0-3"]);
    await sleep(2000);
    expect(await served()).toEqual({ "200 v0.3 v0.1": 30 });
    await own.up();
    expect(await subsets()).toEqual({ there: expect.arrayContaining(["v0-1", "v0-3"]), named: ["v0-3"] });
    expect((await subsets()).there).not.toContain("v0-2");
    await served();
  });
});
