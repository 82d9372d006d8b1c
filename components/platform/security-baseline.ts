import * as pulumi from "@pulumi/pulumi";
import type { AccessGroups } from "../plan/platform/access-roles.ts";
import type { PlannedNamespace } from "../plan/platform/namespaces.ts";
import type { Place } from "../plan/connections/parties.ts";
import type { ContainerRange, Quota } from "../plan/platform/quota.ts";
import { Access } from "./access.ts";
import { AdmissionPolicies, type AdmissionPoliciesArgs } from "./admission-policies.ts";
import { ImageSignatures, type ImageSignaturesArgs } from "./image-signatures.ts";
import { Namespaces } from "./namespaces.ts";
import { PriorityClasses } from "./priority-classes.ts";
import { type PullCredentials, PullSecret } from "./pull-secrets.ts";
import { Quotas } from "./quotas.ts";

export interface SecurityBaselineArgs {
  /** The stack's name, in the names of what is cluster-wide. */
  readonly stack: string;
  readonly namespaces: readonly PlannedNamespace[];
  /** What the pods of each namespace may have together. */
  readonly quotas: Readonly<Partial<Record<Place, Quota>>>;
  /** What one container may have. */
  readonly range: ContainerRange;
  readonly access: AccessGroups;
  /** What admission refuses in the whole cluster; undefined where the cluster is another stack's. */
  readonly admission: Omit<AdmissionPoliciesArgs, "stack"> | undefined;
  /** Whose signature our own images must have; undefined: nobody's. */
  readonly signatures?: Omit<ImageSignaturesArgs, "stack"> | undefined;
  /** Credentials by which nodes pull. */
  readonly pull: PullCredentials;
  /** Namespaces besides the stack's own that pull by them, each with a name for the resource. */
  readonly otherPulls?: Readonly<Record<string, pulumi.Input<string>>>;
}

/** What every namespace of a stack has before the first pod comes: limits, rights, admission. */
export class SecurityBaseline extends pulumi.ComponentResource {
  readonly priorityClasses: PriorityClasses | undefined;
  private readonly names: ReadonlyMap<string, pulumi.Output<string>>;

  constructor(name: string, args: SecurityBaselineArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:SecurityBaseline", name, {}, opts);
    const parent = { parent: this };
    const { stack, admission, signatures } = args;
    const namespaces = new Namespaces(
      "namespaces",
      { namespaces: args.namespaces },
      // It stood by itself once, and a namespace that is made anew loses all in it.
      { parent: this, aliases: [{ parent: pulumi.rootStackResource }] },
    );
    this.priorityClasses = admission && new PriorityClasses(`${name}-priority`, parent);
    const policies = admission && new AdmissionPolicies(`${name}-admission`, { stack, ...admission }, parent);
    if (signatures !== undefined) new ImageSignatures(`${name}-signatures`, { stack, ...signatures }, parent);
    const clusterWide = [...(policies?.names ?? []), ...(this.priorityClasses?.names ?? [])];
    this.names = new Map(
      args.namespaces.map(({ place }) => [
        place,
        this.prepare(name, place, namespaces.nameOf(place), args, clusterWide),
      ]),
    );
    for (const [role, namespace] of Object.entries(args.otherPulls ?? {}))
      this.pull(`${name}-${role}`, namespace, args);
    new Access(
      `${name}-access`,
      {
        namespaces: Object.fromEntries(args.namespaces.map(({ place }) => [place, namespaces.nameOf(place)])),
        groups: args.access,
        clusterRoleOf: admission && stack,
      },
      parent,
    );
    this.registerOutputs({});
  }

  /** Name of a namespace, known once its limits and the policies are there: no pod of it is ever without them. */
  nameOf(place: Place): pulumi.Output<string> {
    const found = this.names.get(place);
    if (found === undefined)
      throw new pulumi.ResourceError(`there is no namespace for "${place}"; plan one for it`, this);
    return found;
  }

  private prepare(
    name: string,
    place: Place,
    namespace: pulumi.Output<string>,
    args: SecurityBaselineArgs,
    clusterWide: readonly pulumi.Output<string>[],
  ): pulumi.Output<string> {
    const quota = args.quotas[place];
    const quotas = quota && new Quotas(`${name}-${place}`, { namespace, quota, range: args.range }, { parent: this });
    const pull = this.pull(`${name}-${place}`, namespace, args);
    const before = pulumi.all([...(quotas?.names ?? []), ...pull, ...clusterWide]);
    return pulumi.all([namespace, before]).apply(([first]) => first);
  }

  private pull(name: string, namespace: pulumi.Input<string>, { pull }: SecurityBaselineArgs): pulumi.Output<string>[] {
    if (Object.keys(pull).length === 0) return [];
    return [new PullSecret(`${name}-pull`, { namespace, credentials: pull }, { parent: this }).secretName];
  }
}
