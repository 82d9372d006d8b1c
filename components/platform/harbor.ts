import { existsSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { harborChart, type HarborSettings, harborValues } from "../plan/platform/harbor.ts";
import { certificate } from "./certificate.ts";
import { Chart } from "./chart.ts";

export interface HarborArgs extends Omit<HarborSettings, "tls"> {
  /** Namespace, which must be there. Plain: the chart's objects have it in them. */
  readonly namespace: string;
  /** Path of the program helm. */
  readonly helm: string;
  /** Folder or archive of the chart, or the URL of its repository. @default Harbor's own repository */
  readonly chart?: string | undefined;
  readonly kubernetesVersion?: string | undefined;
  readonly tls: { readonly secretName: string; readonly issuer?: string | undefined };
}

/** Harbor from its own chart, at a pinned version, with the few values that matter. */
export class Harbor extends pulumi.ComponentResource {
  constructor(name: string, args: HarborArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:Harbor", name, {}, opts);
    const { namespace, tls, hostname, helm, kubernetesVersion } = args;
    const chart = args.chart ?? harborChart.repository;
    const isRepository = /^https?:\/\//.test(chart);
    if (!isRepository && !existsSync(chart)) {
      throw new pulumi.ResourceError(
        `quorum:registry.chart is "${chart}", but there is no such folder or archive; get it by \`helm pull ${harborChart.name} --repo ${harborChart.repository} --version ${harborChart.version}\``,
        this,
      );
    }
    if (tls.issuer !== undefined) {
      certificate(
        `${name}-certificate`,
        { namespace, dnsNames: [hostname], secretName: tls.secretName, issuer: tls.issuer },
        { parent: this },
      );
    }
    new Chart(
      `${name}-chart`,
      {
        helm,
        namespace,
        kubernetesVersion,
        releaseName: harborChart.name,
        values: harborValues(args),
        ...(isRepository ? { chart: harborChart.name, repository: chart, version: harborChart.version } : { chart }),
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
