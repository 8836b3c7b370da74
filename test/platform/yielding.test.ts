import { expect, it } from '@jest/globals';

import { turn } from '../../src/platform/yielding.js';

/** Holds the processor. */
function work(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

it('leaves the event loop to others while much is computed by many', async () => {
  let mostAtOnce = 0;
  let sinceLoop = 0;
  let watching = true;
  const watch = (): void => {
    sinceLoop = 0;
    if (watching) setImmediate(watch);
  };
  setImmediate(watch);
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      await turn();
      work(2);
      // What follows from a piece belongs to it.
      await Promise.resolve();
      work(1);
      order.push(index);
      sinceLoop += 1;
      mostAtOnce = Math.max(mostAtOnce, sinceLoop);
    }),
  );
  watching = false;
  expect(order).toEqual(Array.from({ length: 100 }, (_, index) => index));
  // A slice is 8 ms and a piece at least 3: three begin in one, and the last of the slice before may stand beside them.
  expect(mostAtOnce).toBeLessThanOrEqual(4);
});

it('is had at once by the first who asks, and by the others one after the other', async () => {
  await new Promise(setImmediate);
  const order: string[] = [];
  expect(turn()).toBeNull();
  const second = turn()?.then(() => order.push('second'));
  const third = turn()?.then(() => order.push('third'));
  order.push('first');
  await third;
  await second;
  expect(order).toEqual(['first', 'second', 'third']);
});
