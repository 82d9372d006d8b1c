/**
 * Does the work of all items, two at a time: while one is fetched or linked, which takes one processor or none, the other is
 * compiled. Nothing more is begun after the first that fails.
 *
 * @throws what the first that failed threw, once none is under way
 */
export async function twoAtATime<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items].values();
  const failures: unknown[] = [];
  const worker = async () => {
    for (const item of left) {
      if (failures.length > 0) return;
      await work(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all([worker(), worker()]);
  if (failures.length > 0) throw failures[0];
}

const underWay = new Map<string, Promise<void>>();

/** Makes a file or folder that several may need at once; who comes while it is being made waits for the same. */
export async function madeOnce(path: string, make: () => Promise<void>): Promise<void> {
  const making = underWay.get(path) ?? make().finally(() => underWay.delete(path));
  underWay.set(path, making);
  await making;
}
