import type { Fault } from "./faults.ts";
import { deployment, mounting, namespaces, server, serverPod, shellImage } from "./objects.ts";

const creatingFaults: Fault[] = [
  {
    app: "config",
    objects: [deployment("config", ...mounting({ configMap: { name: "config" } }))],
    variables: { CONFIG: "config", KEY: "colour", VALUE: "blue" },
    finds: { 1: "FailedMount configmap not found" },
  },
  {
    app: "secret",
    objects: [deployment("secret", ...mounting({ secret: { secretName: "secret" } }))],
    variables: { SECRET: "secret", KEY: "colour", VALUE: "blue" },
    finds: { 1: "FailedMount secret not found" },
  },
  {
    app: "variable",
    objects: [
      deployment("variable", {
        env: [{ name: "COLOUR", valueFrom: { secretKeyRef: { name: "variable", key: "colour" } } }],
      }),
    ],
    variables: { SECRET: "variable", KEY: "colour", VALUE: "blue" },
    finds: { 1: "CreateContainerConfigError secret not found" },
  },
  {
    app: "sandbox",
    objects: [
      deployment(
        "sandbox",
        {},
        {
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 10_001,
            seccompProfile: { type: "RuntimeDefault" },
            sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "99999999" }],
          },
        },
      ),
    ],
    finds: { 1: "FailedCreatePodSandBox" },
  },
  {
    app: "root",
    objects: [
      deployment("root", {}, { securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } } }),
    ],
    finds: { 1: "image will run as root" },
  },
].map((fault) => ({ ...fault, page: "pod-container-creating.md" }));

const pullFaults: Fault[] = [
  { app: "misspelt", image: "localhost:5000/Library/busybox:1.35.0", finds: { 1: "InvalidImageName" } },
  { app: "tag", image: "localhost:5000/library/busybox:no-such-tag", finds: { 1: "Failed to pull image not found" } },
].map(({ image, ...fault }) => ({
  ...fault,
  page: "pod-image-pull.md",
  objects: [deployment(fault.app, { image })],
  variables: { IMAGE: shellImage },
}));

const sh = (script: string) => ({ command: ["sh", "-c", script] });
const never = (path: string) => ({ httpGet: { path, port: "portapi" }, periodSeconds: 1, failureThreshold: 1 });

const crashFaults: Fault[] = [
  {
    app: "greedy",
    // Takes what it is not given in its first life only, so that more memory is what cures it.
    objects: [
      deployment("greedy", {
        ...sh("x=$(head -c 24m /dev/zero | tr '\\0' x); echo ${#x}; exec sleep 3600"),
        resources: { limits: { memory: "16Mi" } },
      }),
    ],
    variables: { MEMORY: "256Mi" },
    finds: { 1: "OOMKilled" },
  },
  {
    app: "lively",
    objects: [deployment("lively", { ...server, livenessProbe: never("/nowhere") }, serverPod)],
    variables: { LIVE_PATH: "/" },
    finds: { 1: "Liveness probe failed" },
  },
  {
    app: "starting",
    objects: [
      deployment(
        "starting",
        { ...server, command: ["sh", "-c", `sleep 4; ${server.command[2]}`], startupProbe: never("/") },
        serverPod,
      ),
    ],
    variables: { SECONDS_TO_START: "30" },
    finds: { 1: "Startup probe failed" },
  },
  {
    app: "program",
    objects: [deployment("program", { command: ["/no/such/program"] })],
    finds: { 1: "unable to start container process" },
  },
  {
    app: "ended",
    objects: [deployment("ended", { command: ["true"] })],
    finds: { 1: "Reason: Completed Exit Code: 0" },
  },
  {
    app: "folder",
    objects: [deployment("folder", sh("echo x >/data/file && exec sleep 3600 || mkdir /data"))],
    variables: { FOLDER: "/data" },
    finds: { 1: "any other answer", 2: "Read-only file system" },
  },
  {
    app: "rolled",
    objects: [deployment("rolled")],
    prepare:
      "kubectl set env deployment/$APP -n $NAMESPACE BAD=1 && " +
      `kubectl patch deployment $APP -n $NAMESPACE --type=json -p='[{"op":"add","path":"/spec/template/spec/containers/0/command","value":["sh","-c","echo BAD is 1 >&2; exit 3"]}]'`,
    variables: {
      POD: "$(kubectl get pods -n $NAMESPACE -l app=$APP --sort-by=.metadata.creationTimestamp -o jsonpath='{.items[-1:].metadata.name}')",
    },
    finds: { 2: "any other answer" },
  },
].map((fault) => ({ ...fault, page: "pod-crash-loop.md" }));

const limitFaults: Fault[] = [
  {
    app: "unlimited",
    objects: [
      deployment(
        "unlimited",
        { resources: { requests: { cpu: "10m", memory: "16Mi" } } },
        {},
        { namespace: namespaces.bare },
      ),
    ],
    variables: { NAMESPACE: namespaces.bare, CPU: "100m", MEMORY: "32Mi" },
    finds: { 1: "Burstable <none>", 2: "No resources found" },
  },
  {
    app: "careless",
    objects: [deployment("careless", {}, {}, { namespace: namespaces.bare })],
    variables: { NAMESPACE: namespaces.bare, CPU: "100m", MEMORY: "32Mi" },
    finds: { 1: "BestEffort" },
  },
  {
    app: "limited",
    objects: [deployment("limited", { resources: { requests: { cpu: "10m", memory: "16Mi" } } })],
    variables: { CPU: "100m", MEMORY: "32Mi" },
    finds: { 1: "any other answer", 2: "any other answer" },
  },
].map((fault) => ({ ...fault, page: "requests-without-limits.md" }));

export const containerFaults: readonly Fault[] = [...creatingFaults, ...pullFaults, ...crashFaults, ...limitFaults];
