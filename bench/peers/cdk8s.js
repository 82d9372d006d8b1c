// The same objects by cdk8s, which writes them as one file of manifests.
// Arguments: module with the objects, JSON file with the services, folder for the manifests.
import { readFileSync } from "node:fs";
import { ApiObject, App, Chart } from "cdk8s";

const [objectsModule, servicesFile, outdir] = process.argv.slice(2);
const { shared, objectsOf } = await import(objectsModule);
const services = JSON.parse(readFileSync(servicesFile, "utf8"));

const app = new App({ outdir });
const chart = new Chart(app, "services");
const make = (object) =>
  new ApiObject(chart, [object.kind, object.metadata.namespace, object.metadata.name].join("-"), object);
shared.forEach(make);
for (const service of services) objectsOf(service).forEach(make);
app.synth();
