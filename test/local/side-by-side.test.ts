import { expect, it } from "vitest";
import { madeOnce, twoAtATime } from "../../local/side-by-side.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

it("does all in their order, never more than two at once", async () => {
  const [begun, most] = [[] as number[], { now: 0, ever: 0 }];
  await twoAtATime([1, 2, 3, 4, 5], async (item) => {
    begun.push(item);
    most.ever = Math.max(most.ever, ++most.now);
    for (let turns = 0; turns < item; turns++) await turn();
    most.now--;
  });
  expect({ begun, ever: most.ever }).toEqual({ begun: [1, 2, 3, 4, 5], ever: 2 });
});

it("begins nothing after a failure, and throws it once what is under way has ended", async () => {
  const ended: string[] = [];
  const all = twoAtATime(["fails", "slow", "never begun"], async (item) => {
    if (item === "fails") throw new Error("no disk");
    for (let turns = 0; turns < 5; turns++) await turn();
    ended.push(item);
  });
  await expect(all).rejects.toThrow("no disk");
  expect(ended).toEqual(["slow"]);
});

it("makes once what two need at the same time, and again after a failure", async () => {
  let made = 0;
  const make = async () => {
    await turn();
    if (++made === 1) throw new Error("no network");
  };
  const both = await Promise.allSettled([madeOnce("/tmp/a", make), madeOnce("/tmp/a", make)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(made).toBe(1);
  await madeOnce("/tmp/a", make);
  expect(made).toBe(2);
});
