import { refuse } from "../../components/plan/problems.ts";
import { upgradeProblems } from "../../components/plan/control-plane/upgrade-checks.ts";
import { upgradeOf, upgradeOperation } from "../../components/plan/control-plane/upgrade.ts";
import { askHosts } from "../run-operation.ts";
import { say } from "./common.ts";
import { carryOut, type OperationContext } from "./operation-context.ts";

/** `control-plane upgrade`: to the version that the stack's file says. */
export async function upgrade(context: OperationContext, version: string): Promise<void> {
  const { plan, settings, steps } = context;
  const { controlPlane } = settings;
  // What can be said without a host is said before any is asked.
  refuse("the upgrade", upgradeProblems(controlPlane, plan, version, []));
  const findings = await askHosts(
    [...plan.hosts, ...plan.etcdHosts].map(({ name }) => name),
    settings,
  );
  refuse("the upgrade", upgradeProblems(controlPlane, plan, version, findings));
  const operation = upgradeOperation(steps, upgradeOf(version, findings));
  if (await carryOut(operation, context))
    say(`the cluster runs Kubernetes ${version}; run up, so that the stack's steps and kubeconfig follow`);
}
