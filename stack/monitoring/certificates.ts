import { planCertificates } from "../../components/plan/monitoring/tls.ts";
import { certificate } from "../../components/platform/certificate.ts";
import type { StackContext } from "../context.ts";
import type { Platform } from "../platform.ts";

/** Certificates by which the parts speak TLS with each other, and by which services check the trace gateway. */
export function makeCertificates({ config, provider }: StackContext, platform: Platform): void {
  const { tls } = config.monitoring;
  if (tls === undefined) return;
  for (const { place, ...planned } of planCertificates(config)) {
    certificate(
      `certificate-${place}-${planned.secretName}`,
      { ...planned, issuer: tls.issuer, namespace: platform.nameOf(place) },
      { provider },
    );
  }
}
