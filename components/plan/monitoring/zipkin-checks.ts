import type { Problem } from "../problems.ts";
import { memoryFor, spansIn, type ZipkinSettings } from "./zipkin.ts";

/** What of the monitoring is checked here. */
export interface ZipkinWanted {
  readonly zipkin: ZipkinSettings & {
    readonly enabled: boolean;
    readonly elasticsearch?:
      | { readonly url: string; readonly username?: string | undefined; readonly password?: string | undefined }
      | undefined;
  };
}

/** What contradicts itself in where Zipkin keeps its spans. */
export function zipkinProblems({ zipkin }: ZipkinWanted, complete: boolean): Problem[] {
  const { enabled, maxSpans, memoryMiB, elasticsearch } = zipkin;
  if (!enabled) return [];
  if (elasticsearch !== undefined) return [...urlProblems(elasticsearch), ...signInProblems(elasticsearch, complete)];
  const room = spansIn(memoryMiB);
  if (maxSpans <= room) return [];
  return [
    {
      key: "quorum:monitoring.zipkin.maxSpans",
      text: `is ${maxSpans}, but memoryMiB ${memoryMiB} has room for ${room}; lower it, or raise memoryMiB to ${memoryFor(maxSpans)}`,
    },
  ];
}

/** Not shown: it may have a password in it. */
function urlProblems({ url }: NonNullable<ZipkinWanted["zipkin"]["elasticsearch"]>): Problem[] {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.username === "" && parsed.password === "")) return [];
  const text =
    "has a user name or a password in it, but whoever sees the pods sees the URL; set username and password, and the URL without them";
  return [{ key: "quorum:monitoring.zipkin.elasticsearch.url", text }];
}

function signInProblems(
  { username, password }: NonNullable<ZipkinWanted["zipkin"]["elasticsearch"]>,
  complete: boolean,
): Problem[] {
  const key = "quorum:monitoring.zipkin.elasticsearch";
  if (username !== undefined && password === undefined) {
    return [
      {
        key: `${key}.password`,
        text: "is missing, but username is set; set it with `pulumi config set --secret --path`, or leave out username",
      },
    ];
  }
  if (username === undefined && password !== undefined) {
    return [{ key: `${key}.username`, text: "is missing, but password is set; set it, or leave out password" }];
  }
  if (complete && password?.startsWith("unset:") === true) {
    return [{ key: `${key}.password`, text: "stands for one that nobody has set; set it" }];
  }
  return [];
}
