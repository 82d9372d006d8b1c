import type { EtcdClient } from "./etcd.mjs";

export interface DefragRule {
  readonly quotaPercent: number;
  readonly freeMiB: number;
}

export interface MaintainedMember {
  readonly before: number;
  readonly after: number;
  readonly needed: boolean;
  readonly done: boolean;
}

type Labels = Readonly<Record<string, string>>;

export function needsDefrag(
  sizes: { readonly dbSize: number; readonly dbSizeInUse: number; readonly quota: number },
  rule: DefragRule,
): boolean;
export function maintain(
  client: EtcdClient,
  what: {
    readonly name: string;
    readonly endpoints: readonly string[];
    readonly rule: DefragRule;
    readonly dryRun: boolean;
  },
): Promise<Map<string, MaintainedMember>>;
export function certificateEnds(what: {
  readonly files: Readonly<Record<string, string>>;
  readonly servers: readonly { readonly certificate: string; readonly host: string; readonly port: number }[];
  readonly tls?: { readonly cert: string; readonly key: string };
}): Promise<[Labels, number][]>;
export function maintenanceFigures(what: {
  readonly run: { readonly time: number; readonly succeeded: boolean };
  readonly good?: { readonly time?: number };
  readonly members?: readonly (MaintainedMember & { readonly etcd: string; readonly member: string })[];
  readonly certificates?: readonly (readonly [Labels, number])[];
}): string;
