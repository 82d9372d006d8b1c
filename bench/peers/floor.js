// The floor: a bare loop over the Pulumi SDK, against a monitor that does nothing.
// Arguments: module with the objects, JSON file with the services, and, to prove what was made, a file for it.
import { readFileSync, writeFileSync } from "node:fs";
import * as kubernetes from "@pulumi/kubernetes";
import { runtime } from "@pulumi/pulumi";
import resourceProto from "@pulumi/pulumi/proto/resource_pb.js";

const [objectsModule, servicesFile, proofFile] = process.argv.slice(2);
const { shared, objectsOf } = await import(objectsModule);
const services = JSON.parse(readFileSync(servicesFile, "utf8"));
const made = [];

const monitor = {
  registerResource(request, callback) {
    const response = new resourceProto.RegisterResourceResponse();
    response.setUrn(`urn:pulumi:bench::quorum::${request.getType()}::${request.getName()}`);
    response.setId(request.getName());
    response.setObject(request.getObject());
    if (proofFile !== undefined && request.getCustom()) made.push(request.getObject().toJavaScript());
    callback(null, response);
  },
  registerResourceOutputs: (_request, callback) => callback(null, {}),
  getDeploymentInfo: (_request, callback) => callback(null, new resourceProto.DeploymentInfo()),
  signalAndWaitForShutdown: (_request, callback) => callback(null, {}),
};

/** The SDK's class of an object, such as kubernetes.apps.v1.Deployment. */
function classOf({ apiVersion, kind }) {
  const [version, group = "core"] = apiVersion.split("/").reverse();
  return kubernetes[group.split(".")[0]]?.[version]?.[kind] ?? kubernetes.apiextensions.CustomResource;
}

function make(object) {
  new (classOf(object))(`${object.kind}-${object.metadata.name}`, object);
}

runtime.setMockOptions(monitor, "quorum", "bench", true, "organization");
await runtime.runInPulumiStack(async () => {
  shared.forEach(make);
  for (const service of services) objectsOf(service).forEach(make);
});
await runtime.disconnect();
if (proofFile !== undefined) writeFileSync(proofFile, JSON.stringify(made));
