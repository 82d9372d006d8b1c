import * as pulumi from "@pulumi/pulumi";
import { stackUrls } from "./components/plan/urls.ts";
import { workloadWarnings } from "./components/plan/workload/workload.ts";
import { labelObjects } from "./components/platform/managed-labels.ts";
import { pullWithSecret } from "./components/platform/pull-secrets.ts";
import { loadConfig } from "./config.ts";
import { makeApplications } from "./stack/applications.ts";
import { openStack } from "./stack/context.ts";
import { makeMonitoring } from "./stack/monitoring/monitoring.ts";
import { makeIngressController, makePlatform, makeRegistry, makeUi } from "./stack/platform.ts";

const stack = pulumi.getStack();
const config = loadConfig();
for (const warning of workloadWarnings(config.services)) void pulumi.log.warn(warning);
pulumi.runtime.registerStackTransformation(labelObjects(stack));
if (Object.keys(config.images.pull).length > 0) pulumi.runtime.registerStackTransformation(pullWithSecret());

const context = openStack(config, stack);
const platform = makePlatform(context);
const controller = makeIngressController(context, platform);
makeApplications(context, platform, controller);
await makeRegistry(context, platform);
makeMonitoring(context, platform, controller);
makeUi(context, platform);

export const urls = stackUrls(config);
export const image = context.images.first;
export const controlPlane = context.controlPlane;
export const skipped = config.skipped;
