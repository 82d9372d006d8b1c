import * as pulumi from "@pulumi/pulumi";
import { secretHash } from "../plan/hash.ts";

/**
 * A hash of secrets that is none itself: as one, it would make the whole pod template secret, and no preview could show what
 * changes in it. It tells no more than secretHash says.
 *
 * @param place what the secrets belong to, so that equal secrets of two places do not show as equal
 */
export function shownHash(
  secrets: Readonly<Record<string, pulumi.Input<string>>> | pulumi.Output<Record<string, string>>,
  place: pulumi.Input<string>,
): pulumi.Output<string> {
  const texts: pulumi.Input<Record<string, string>> = pulumi.output(secrets);
  return pulumi.unsecret(pulumi.all([texts, place]).apply(([content, of]) => secretHash(content, of)));
}
