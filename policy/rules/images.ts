import { list } from "../../components/plan/problems.ts";
import { hasDigest, isTrusted } from "../../components/plan/images/trusted-images.ts";
import { containersOf, finding, podsOf } from "../objects.ts";
import type { Finding, PolicyInput, Rule } from "../types.ts";

export const pinnedImages: Rule = {
  name: "pinned-images",
  scope: "object",
  description:
    "Every image is named by its digest, or by the exact tag that data/images.yaml pins: what was tested is what runs.",
  check: (input) =>
    eachImage(input, (image) => {
      if (hasDigest(image) || input.facts.pinnedTags.includes(image)) return undefined;
      return `is "${image}", but an image is named by digest (name:tag@sha256:…) or by a tag of data/images.yaml; add the digest that the registry gives for it`;
    }),
};

export const trustedRegistries: Rule = {
  name: "trusted-registries",
  scope: "object",
  description: "Images come only from the registries that the stack trusts.",
  check: (input) =>
    eachImage(input, (image) => {
      const { trusted } = input.facts;
      if (isTrusted(image, trusted)) return undefined;
      return `is "${image}", but images come from ${list(trusted.slice(0, 5), "or")}${trusted.length > 5 ? " or others of quorum:images.trusted" : ""}; copy it to one of these, or add its registry to quorum:images.trusted`;
    }),
};

function eachImage(input: PolicyInput, problem: (image: string) => string | undefined): Finding[] {
  return podsOf(input).flatMap((pod) =>
    containersOf(pod).flatMap(({ container, path }) => {
      const { image } = container;
      // One that is known only after up is of the build's own registry, by digest.
      if (typeof image === "symbol") return [];
      const text = problem(typeof image === "string" ? image : "");
      return text === undefined ? [] : [finding(pod.object, `${path}.image`, text)];
    }),
  );
}
