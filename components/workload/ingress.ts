import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { htpasswd } from "../plan/workload/htpasswd.ts";
import {
  basicAuthAnnotations,
  httpListener,
  httpsListener,
  ingressPath,
  type IngressSettings,
  issuerAnnotations,
  tlsSecretName,
} from "../plan/workload/ingress.ts";

export interface ServiceIngressArgs extends Omit<IngressSettings, "basicAuth"> {
  readonly namespace: pulumi.Input<string>;
  /** The Service that requests go to; all that is made has its name. @default the component's name */
  readonly serviceName?: string;
  /** Port of that Service. */
  readonly port: pulumi.Input<number>;
  /** User name to password, which is at most 72 bytes long. Only its hash leaves the program. */
  readonly basicAuth?: Readonly<Record<string, pulumi.Input<string>>> | undefined;
  /** IngressClass of an Ingress. @default the cluster's */
  readonly className?: pulumi.Input<string> | undefined;
  /** Whether paths of this hostname are regular expressions, as the path of some service is rewritten. @default false */
  readonly patterns?: boolean;
  /** Gateway of an HTTPRoute. */
  readonly gateway?: GatewayReference;
}

export interface GatewayReference {
  readonly name: pulumi.Input<string>;
  readonly namespace: pulumi.Input<string>;
  /** Port of its TLS listeners, where the Gateway is the stack's own: its listeners are known then, and plain requests are sent there. */
  readonly httpsPort?: number | undefined;
}

// A dot before what is added to a service's name: no other service can have that name.
const gatewayApi = "gateway.networking.k8s.io/v1";
/** A controller may say only much later where it answers: nothing waits for it. */
const skipAwait = { "pulumi.com/skipAwait": "true" };

/** The way from outside to a service, by name and path: an Ingress, or an HTTPRoute of the Gateway API. */
export class ServiceIngress extends pulumi.ComponentResource {
  constructor(name: string, args: ServiceIngressArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:workload:ServiceIngress", name, {}, opts);
    const serviceName = args.serviceName ?? name;
    if (args.api === "HTTPRoute") this.route(name, serviceName, args);
    else this.rule(name, serviceName, args);
    this.registerOutputs({});
  }

  private rule(name: string, serviceName: string, args: ServiceIngressArgs): void {
    const { namespace, hostname, tls } = args;
    const labels = { app: serviceName };
    const users = args.basicAuth && this.users(name, serviceName, { ...args, basicAuth: args.basicAuth });
    const { path, pathType, annotations } = ingressPath(args, args.patterns ?? false);
    const auth = users
      ? users.metadata.name.apply((secret) => basicAuthAnnotations(secret, serviceName))
      : pulumi.output({});
    new k8s.networking.v1.Ingress(
      `${name}-ingress`,
      {
        metadata: {
          name: serviceName,
          namespace,
          labels,
          annotations: auth.apply((asked) => ({
            ...skipAwait,
            ...annotations,
            ...asked,
            ...issuerAnnotations(tls?.issuer),
          })),
        },
        spec: {
          ...(args.className !== undefined && { ingressClassName: args.className }),
          ...(tls && { tls: [{ hosts: [hostname], secretName: tlsSecretName(serviceName, args) }] }),
          rules: [
            {
              host: hostname,
              http: {
                paths: [{ path, pathType, backend: { service: { name: serviceName, port: { number: args.port } } } }],
              },
            },
          ],
        },
      },
      { parent: this },
    );
  }

  private users(
    name: string,
    serviceName: string,
    {
      namespace,
      basicAuth,
    }: ServiceIngressArgs & { readonly basicAuth: Readonly<Record<string, pulumi.Input<string>>> },
  ): k8s.core.v1.Secret {
    const lines = pulumi
      .all([pulumi.output(namespace), pulumi.secret(basicAuth)])
      .apply(([place, users]) => htpasswd(`${place}/${serviceName}`, users));
    return new k8s.core.v1.Secret(
      `${name}-basic-auth`,
      {
        metadata: { name: `${serviceName}.basic-auth`, namespace, labels: { app: serviceName } },
        data: { auth: lines.apply((text) => Buffer.from(text).toString("base64")) },
      },
      { parent: this },
    );
  }

  private route(name: string, serviceName: string, args: ServiceIngressArgs): void {
    const { gateway, hostname, path, rewritePath, tls } = args;
    if (gateway === undefined)
      throw new pulumi.ResourceError(`service "${serviceName}" has an HTTPRoute but no gateway; give it one`, this);
    const { httpsPort, ...reference } = gateway;
    const rule = {
      matches: [{ path: { type: "PathPrefix", value: path } }],
      ...(rewritePath !== undefined && {
        filters: [
          { type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: rewritePath } } },
        ],
      }),
      backendRefs: [{ name: serviceName, port: args.port }],
    };
    const listener = tls === undefined ? httpListener : httpsListener(hostname);
    const metadata = { name: serviceName, namespace: args.namespace, labels: { app: serviceName } };
    const parentRef = httpsPort !== undefined ? { ...reference, sectionName: listener } : reference;
    this.httpRoute(`${name}-route`, metadata, { hostname, parentRef, rule });
    if (tls === undefined || httpsPort === undefined) return;
    const redirect = {
      matches: rule.matches,
      filters: [
        { type: "RequestRedirect", requestRedirect: { scheme: "https", ...portOf(httpsPort), statusCode: 301 } },
      ],
    };
    this.httpRoute(
      `${name}-redirect`,
      { ...metadata, name: `${serviceName}.redirect` },
      { hostname, parentRef: { ...reference, sectionName: httpListener }, rule: redirect },
    );
  }

  private httpRoute(
    name: string,
    metadata: k8s.types.input.meta.v1.ObjectMeta,
    { hostname, parentRef, rule }: { readonly hostname: string; readonly parentRef: object; readonly rule: object },
  ): void {
    new k8s.apiextensions.CustomResource(
      name,
      {
        apiVersion: gatewayApi,
        kind: "HTTPRoute",
        metadata,
        spec: { parentRefs: [parentRef], hostnames: [hostname], rules: [rule] },
      },
      { parent: this },
    );
  }
}

/** The usual port goes without saying, and is not wanted in people's address bars. */
function portOf(httpsPort: number): { readonly port?: number } {
  return httpsPort === 443 ? {} : { port: httpsPort };
}
