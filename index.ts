import * as pulumi from "@pulumi/pulumi";
import { stackUrls } from "./components/plan/urls.ts";
import { workloadWarnings } from "./components/plan/workload/workload.ts";
import { labelObjects } from "./components/platform/managed-labels.ts";
import { pullWithSecret } from "./components/platform/pull-secrets.ts";
import { loadConfig } from "./config.ts";
import { makeApplications } from "./stack/applications.ts";
import { makeCare } from "./stack/care.ts";
import { openStack } from "./stack/context.ts";
import { makeMesh } from "./stack/mesh.ts";
import { makeMonitoring } from "./stack/monitoring/monitoring.ts";
import { makeIngressController, makePlatform, makeRegistry, makeUi } from "./stack/platform.ts";
import { keepOutOfMesh, makeTraffic } from "./stack/traffic.ts";

const stack = pulumi.getStack();
const config = loadConfig();
for (const warning of workloadWarnings(config.services)) void pulumi.log.warn(warning);
pulumi.runtime.registerStackTransformation(labelObjects(stack));
if (Object.keys(config.images.pull).length > 0) pulumi.runtime.registerStackTransformation(pullWithSecret());

const context = openStack(config, stack);
keepOutOfMesh(context);
const traffic = makeTraffic(context, await makeMesh(context, makePlatform(context)));
const { platform } = traffic;
const controller = makeIngressController(context, platform);
const workloads = makeApplications(context, platform, controller);
await makeRegistry(context, platform);
makeMonitoring(context, platform, controller);
makeUi(context, platform);
makeCare(context, platform);
// Last, as a step that is refused ends the program.
await traffic.makeRoutes(workloads);

export const urls = stackUrls(config);
export const image = context.images.first;
export const controlPlane = context.controlPlane;
export const skipped = config.skipped;
