import type { EtcdPrograms } from "./etcd.mjs";

export function say(line: string): void;
export function run(
  program: string,
  args: readonly string[],
  options?: { readonly env?: Readonly<Record<string, string>>; readonly seconds?: number; readonly stdin?: string },
): Promise<string>;
export function lentPrograms(
  folder?: string,
  options?: { readonly seconds?: number; readonly processes?: string },
): Promise<EtcdPrograms>;
export function fileSum(path: string): Promise<string>;
export function putFile(path: string, text: string, mode?: number): void;
export function figuresText(
  families: Readonly<
    Record<
      string,
      {
        readonly help: string;
        readonly samples: readonly (readonly [Readonly<Record<string, string>>, number | undefined])[];
      }
    >
  >,
): string;
