/** An object of the mesh, before its namespace is there. */
export interface MeshObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Whose it is: label `app`. */
  readonly app?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

export const networking = "networking.istio.io/v1";
export const security = "security.istio.io/v1";
export const gatewayApi = "gateway.networking.k8s.io/v1";

/** A duration, as Istio and the Gateway API take it. */
export function seconds(millis: number): string {
  return millis % 1000 === 0 ? `${millis / 1000}s` : `${millis}ms`;
}

/** A mapping without its undefined values. */
export function present<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Partial<Value>;
}
