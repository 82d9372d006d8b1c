import { expect, it } from "vitest";
import { twoAtATime } from "../../local/two-at-a-time.ts";

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
