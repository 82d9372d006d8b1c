/** An object of the Kubernetes API as plain data. A symbol in it stands for a value that only `up` can know. */
export interface PolicyObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
  };
  readonly [field: string]: unknown;
}

/** An object, and what the engine is told about it besides. */
export interface PolicyResource {
  readonly object: PolicyObject;
  /** Whether it stays when the stack goes; undefined where the engine does not tell. */
  readonly kept?: boolean | undefined;
}

/** What of a stack's configuration the rules know. */
export interface PolicyFacts {
  readonly stack: string;
  /** Whether the cluster is one of local hosts, which nothing is meant to outlive. */
  readonly local: boolean;
  /** Registries, with a path where only a part of one is trusted. */
  readonly trusted: readonly string[];
  /** References that data/images.yaml pins by their exact tag, since nobody can know their digest here. */
  readonly pinnedTags: readonly string[];
  /** Voting members of each etcd that the stack makes; none where the cluster is another's. */
  readonly etcd: Readonly<Record<string, number>>;
  /** Backup of etcd; undefined without one. */
  readonly etcdBackup?: BackupFacts | undefined;
  /** Whether the last archive of etcd is restored on a schedule. */
  readonly restoreDrill: boolean;
  /** Backup of the volumes of services; undefined without one. */
  readonly volumeBackup?: Omit<BackupFacts, "encrypted"> | undefined;
  /** Services, as `quorum:services` names them, that keep files. */
  readonly servicesWithVolumes: readonly string[];
}

export interface BackupFacts {
  readonly schedule: string;
  readonly timeZone: string;
  readonly encrypted: boolean;
}

/** All that a rule looks at. */
export interface PolicyInput {
  readonly facts: PolicyFacts;
  readonly resources: readonly PolicyResource[];
}

/** One thing that a rule does not allow. */
export interface Finding {
  /** What it is about: `apps/v1 Deployment apps/web`, or a key such as `quorum:controlPlane.etcd`. */
  readonly object: string;
  /** Where in it; empty for all of it. */
  readonly field: string;
  /** What follows: the value got, what is allowed, and after a semicolon the fix. */
  readonly text: string;
}

export interface Rule {
  readonly name: string;
  /** Whether it looks at one object at a time, or at all of them and the configuration together. */
  readonly scope: "object" | "stack";
  /** What it demands, and why, in a sentence. */
  readonly description: string;
  readonly check: (input: PolicyInput) => Finding[];
}
