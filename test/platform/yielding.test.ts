import { expect, it } from '@jest/globals';

import { Slice, yieldIfBusy } from '../../src/platform/yielding.js';

/** Holds the processor. */
function work(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

it('leaves the event loop to others while many requests compute', async () => {
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
      await yieldIfBusy();
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

it('lets the first piece run at once, and the others first come, first served', async () => {
  await new Promise(setImmediate);
  const order: string[] = [];
  expect(yieldIfBusy()).toBeNull();
  const second = yieldIfBusy()?.then(() => order.push('second'));
  const third = yieldIfBusy()?.then(() => order.push('third'));
  order.push('first');
  await third;
  await second;
  expect(order).toEqual(['first', 'second', 'third']);
});

it('lets a loop in the background hold the event loop for a slice of 4 ms, and then go round once', async () => {
  let freed = 0;
  let watching = true;
  const watch = (): void => {
    freed += 1;
    if (watching) setImmediate(watch);
  };
  setImmediate(watch);
  const slice = new Slice();
  const began = performance.now();
  let yields = 0;
  let mostPieces = 0;
  for (let pieces = 1, piece = 0; piece < 60; piece++, pieces++) {
    work(1);
    mostPieces = Math.max(mostPieces, pieces);
    if (!slice.isOver) continue;
    const before = freed;
    await slice.yield();
    expect(freed).toBeGreaterThan(before);
    yields += 1;
    pieces = 0;
  }
  watching = false;
  // Pieces take 1 ms or, on a busy machine, longer: fewer may fit in a slice, never more.
  expect(mostPieces).toBeLessThanOrEqual(5);
  expect(yields).toBeGreaterThanOrEqual(12);
  expect(yields).toBeLessThanOrEqual((performance.now() - began) / 4);
});
