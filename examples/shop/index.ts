// A program of somebody else's that uses the components: a shop, its cache, and a nightly job, in a namespace of its own.
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { labelObjects, Namespaces, ScheduledJob, Workload } from "quorum";
import { planTopology } from "./topology.js";

// Every object says which stack made it: only then can the direct engine take it away again.
pulumi.runtime.registerStackTransformation(labelObjects(pulumi.getStack()));

const namespaces = new Namespaces("namespaces", {
  namespaces: [
    {
      place: "apps",
      name: "shop",
      labels: { "pod-security.kubernetes.io/enforce": "restricted" },
      retain: false,
    },
  ],
});
const namespace = namespaces.nameOf("apps");

const shop = new Workload("shop", {
  namespace,
  image: "registry.example.com/shop/shop:1.4.2",
  role: "web",
  port: 8080,
  autoscale: { minReplicas: 2, maxReplicas: 10 },
  env: { CACHE: "cache:6379" },
});

new Workload("cache", {
  namespace,
  image: "registry.example.com/shop/cache:7.2.5",
  kind: "StatefulSet",
  role: "cache",
  port: 6379,
  replicas: 1,
  volumes: { data: { mountPath: "/data", storageGiB: 5 } },
});

new ScheduledJob("stock", {
  namespace,
  image: "registry.example.com/shop/jobs:1.4.2",
  schedule: "17 3 * * *",
  timeZone: "Europe/Berlin",
  command: ["node", "stock.js"],
});

// What is not among the components is made as ever.
new k8s.core.v1.ConfigMap("notes", {
  metadata: { name: "notes", namespace },
  data: { topology: planTopology(3) },
});

export const service = shop.service.metadata.name;
