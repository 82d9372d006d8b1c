/** How the API server keeps objects in etcd. */
export interface EncryptionSettings {
  /**
   * `secretbox` (XSalsa20 and Poly1305), `aescbc` where a site may use AES only, or `identity`: nothing is encrypted, and what was
   * is written in plain again.
   *
   * @see https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#providers
   */
  readonly provider: "secretbox" | "aescbc" | "identity";
  /** Kinds that are encrypted, as `resource` or `resource.group`. */
  readonly resources: readonly string[];
  /** 1 to 1000. Raised by one, a new key is made, every object is written anew with it, and the old key is forgotten. */
  readonly keyGeneration: number;
}

/** Log of who asked the API server for what. */
export interface AuditSettings {
  readonly enabled: boolean;
  /** Files older than this many days are removed, 1 to 3650. */
  readonly maxAgeDays: number;
  /** Rotated files that are kept, 1 to 1000. */
  readonly maxBackups: number;
  /** Size at which the file is rotated, 1 to 10240. */
  readonly maxSizeMiB: number;
}

/** An identity provider (OIDC) whose tokens the API server takes. */
export interface IssuerSettings {
  /** What it calls itself: an https address without query and fragment. */
  readonly url: string;
  /** Who its tokens must be for: the clients' names at the provider. */
  readonly audiences: readonly string[];
  readonly usernameClaim: string;
  /** Put before every user's name. @default the issuer's name in the configuration and a colon */
  readonly usernamePrefix?: string | undefined;
  /** Claim with the groups; without it nobody is in a group. */
  readonly groupsClaim?: string | undefined;
  readonly groupsPrefix: string;
  /** Claims that a token must have, with these values. */
  readonly requiredClaims: Readonly<Record<string, string>>;
  /** Certificates (PEM) that sign the provider's own. @default those that the host trusts */
  readonly certificateAuthority?: string | undefined;
}

/** Flags by which a site goes beyond what the plan gives a part, or against it. */
export type ExtraFlags = Readonly<Record<string, string>>;

export interface HardeningSettings {
  readonly encryption: EncryptionSettings;
  readonly audit: AuditSettings;
  /** By name. */
  readonly issuers: Readonly<Record<string, IssuerSettings>>;
  readonly apiServer: {
    /** Reads that one API server works on at once. @default by the memory of the smallest host */
    readonly maxRequestsInFlight?: number | undefined;
    /** The same for writes. @default half of the reads */
    readonly maxMutatingRequestsInFlight?: number | undefined;
  };
  readonly flags: {
    readonly apiServer: ExtraFlags;
    readonly controllerManager: ExtraFlags;
    readonly scheduler: ExtraFlags;
    readonly etcd: ExtraFlags;
  };
  /** Lifetimes of what kubeadm signs; that of the authorities counts only when they are made. */
  readonly certificates: { readonly days: number; readonly authorityDays: number };
  /** Name of the cloud whose controller manager the site installs; nodes wait for it. @default none */
  readonly cloudProvider?: string | undefined;
}
