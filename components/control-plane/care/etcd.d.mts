/** Paths of etcd's programs. */
export interface EtcdPrograms {
  readonly etcd: string;
  readonly etcdctl: string;
  readonly etcdutl: string;
}

export interface MemberStatus {
  readonly endpoint: string;
  readonly id: string;
  readonly clusterId: string;
  readonly revision: number;
  readonly version: string;
  readonly leads: boolean;
  readonly leader: string;
  readonly isLearner: boolean;
  readonly errors: readonly string[];
  readonly dbSize: number;
  readonly dbSizeInUse: number;
  readonly quota: number;
}

export interface EtcdClient {
  health(endpoint: string): Promise<string>;
  status(endpoint: string): Promise<MemberStatus>;
  members(endpoint: string): Promise<
    {
      readonly id: string;
      readonly name: string;
      readonly peerUrls: string[];
      readonly clientUrls: string[];
      readonly learner: boolean;
    }[]
  >;
  alarms(endpoint: string): Promise<string[]>;
  disarm(endpoint: string): Promise<string>;
  hashKV(endpoint: string, revision?: number): Promise<{ hash: number; revision: number; compactRevision: number }>;
  count(endpoint: string, revision?: number): Promise<number>;
  read(endpoint: string, key: string, revision: number): Promise<string>;
  put(endpoint: string, key: string, value: string): Promise<number>;
  save(endpoint: string, file: string, seconds?: number): Promise<string>;
  defrag(endpoint: string, seconds?: number): Promise<string>;
}

export interface ScratchPorts {
  readonly port?: number;
  readonly peer?: number;
}

export function etcdClient(
  programs: Pick<EtcdPrograms, "etcdctl">,
  tls?: { readonly ca: string; readonly cert: string; readonly key: string },
): EtcdClient;
export function snapshotStatus(
  programs: Pick<EtcdPrograms, "etcdutl">,
  file: string,
): Promise<{ readonly hash: number; readonly revision: number; readonly keys: number; readonly size: number }>;
export const bump: number;
export function countsFit(counted: number, readable: number, revision: number): boolean;
export function scratchEtcd(
  programs: EtcdPrograms,
  what: ScratchPorts & { readonly snapshot: string; readonly folder: string; readonly bump?: number },
): Promise<{ readonly url: string; stop(): Promise<void> }>;
