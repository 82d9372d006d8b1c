import { didYouMean, list, type Problem } from "../problems.ts";

type Texts = Readonly<Record<string, string>>;

/** Environment and files of a service. */
export interface EnvironmentSettings {
  readonly env?: Texts | undefined;
  readonly config?: Texts | undefined;
  readonly secrets?:
    | { readonly env?: Texts | undefined; readonly files?: Texts | undefined; readonly generated?: Texts | undefined }
    | undefined;
}

/** quorum:security.generatedSecrets. */
export type GeneratedSecrets = Readonly<
  Record<string, { readonly namespace: string; readonly keys: readonly string[] }>
>;

/** Variables that other keys set. */
const reserved: Readonly<Record<string, string>> = { PORT: "port", ROLE: "role" };
/** Longest content of a ConfigMap or a Secret: Kubernetes takes a mebibyte, names and quotes included. */
const mostBytes = 1_000_000;

/** Everything that is wrong with the environment and the files of a service. No message shows a value of a secret. */
export function environmentProblems(
  key: string,
  { env = {}, config = {}, secrets = {} }: EnvironmentSettings,
  known: GeneratedSecrets,
): Problem[] {
  const { env: secretEnv = {}, files = {}, generated = {} } = secrets;
  return [
    ...twiceProblems(key, { env, "secrets.env": secretEnv, "secrets.generated": generated }),
    ...Object.entries(generated).flatMap(([variable, reference]) =>
      referenceProblems(`${key}.secrets.generated.${variable}`, reference, known),
    ),
    ...sizeProblems(key, { config, "secrets.env": secretEnv, "secrets.files": files }),
  ];
}

function twiceProblems(key: string, places: Readonly<Record<string, Texts>>): Problem[] {
  const taken = new Map<string, string>();
  return Object.entries(places).flatMap(([place, texts]) =>
    Object.keys(texts).flatMap((variable): Problem[] => {
      const at = `${key}.${place}.${variable}`;
      const setting = reserved[variable];
      if (setting !== undefined) {
        return [
          {
            key: at,
            text: `is set, but ${key}.${setting} gives the process its ${variable}; leave it out and set that`,
          },
        ];
      }
      const other = taken.get(variable);
      taken.set(variable, other ?? place);
      return other === undefined
        ? []
        : [{ key: at, text: `is set, but ${key}.${other}.${variable} is too; leave out one of them` }];
    }),
  );
}

function referenceProblems(at: string, reference: string, known: GeneratedSecrets): Problem[] {
  const [secret = "", secretKey = "", ...more] = reference.split("/");
  const found = Object.hasOwn(known, secret) ? known[secret] : undefined;
  const names = Object.keys(known);
  if (found === undefined || more.length > 0) {
    const near = didYouMean(secret, names);
    const fix =
      near !== undefined && near !== secret
        ? `did you mean ${near}?`
        : "declare it there or name another as secret/key";
    return [
      {
        key: at,
        text: `is "${reference}", but it must be secret/key of quorum:security.generatedSecrets (${list(names, "or") || "none yet"}); ${fix}`,
      },
    ];
  }
  if (found.namespace !== "apps") {
    return [
      {
        key: at,
        text: `is "${reference}", but ${secret} is made in the namespace of ${found.namespace}, where pods of services cannot read it; set quorum:security.generatedSecrets.${secret}.namespace to apps`,
      },
    ];
  }
  if (found.keys.includes(secretKey)) return [];
  return [
    {
      key: at,
      text: `is "${reference}", but ${secret} has the keys ${list(found.keys)}; name one of them as ${secret}/${found.keys[0] ?? "key"} or add ${secretKey || "the key"} there`,
    },
  ];
}

function sizeProblems(key: string, places: Readonly<Record<string, Texts>>): Problem[] {
  return Object.entries(places).flatMap(([place, texts]): Problem[] => {
    const bytes = Object.entries(texts).reduce((sum, [name, text]) => sum + name.length + Buffer.byteLength(text), 0);
    if (bytes <= mostBytes) return [];
    return [
      {
        key: `${key}.${place}`,
        text: `has ${bytes} bytes, but Kubernetes keeps at most ${mostBytes} together; put large files into the image or on a volume`,
      },
    ];
  });
}
