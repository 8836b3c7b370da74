import { expect, it } from '@jest/globals';

import { RatioFeed, type RatioStream } from '../../../src/risk/streams/ratio-feed.js';
import { createBus, type Events } from '../../../src/platform/events.js';
import type { RatioVersion } from '../../../src/policy/versions/ratio-version.js';

const bus = createBus();
/** It knows every version but one. */
const rulebook = { ratioVersion: (id: string) => (id === 'gone' ? null : ({ id } as RatioVersion)) };
const tell = (id: string, choice: Partial<Events['collateralRatio'][0]> = {}): void =>
  void bus.emit('collateralRatio', {
    ...{ id, venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'LISTA', change: 'SCHEDULED' },
    ...choice,
  });

async function drain(stream: RatioStream, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let read = 0; read < count; read++) {
    const result = await stream.next();
    if (result.done !== true) ids.push(result.value.id);
  }
  return ids;
}

it('keeps one item a version for who reads slowly, in the order in which they became due', async () => {
  const feed = new RatioFeed(bus, rulebook);
  const slow = feed.watch({ venue: null, chain: null });
  for (let round = 0; round < 1_000; round++) for (const id of ['a', 'b', 'c']) tell(id);
  expect(await drain(slow, 3)).toEqual(['a', 'b', 'c']);
  const waiting = slow.next();
  tell('b', { change: 'CANCELLED' });
  expect(await waiting).toEqual({ done: false, value: { id: 'b' } });
  await slow.return();
  feed.close();
});

it('sends ratios of the venue and chain that were asked for, also of those without chains', async () => {
  const feed = new RatioFeed(bus, rulebook);
  const streams = [
    feed.watch({ venue: null, chain: null }),
    feed.watch({ venue: 'ASTER', chain: null }),
    feed.watch({ venue: null, chain: 'ETHEREUM' }),
    feed.watch({ venue: 'BITGET', chain: null }),
  ];
  tell('1');
  tell('2', { chain: 'ETHEREUM' });
  tell('3', { venue: 'BITGET', chain: null });
  for (const stream of streams) stream.offer('end');
  const sent = await Promise.all([4, 3, 2, 2].map((count, index) => drain(streams[index] as RatioStream, count)));
  expect(sent).toEqual([
    ['1', '2', '3', 'end'],
    ['1', '2', 'end'],
    ['2', 'end'],
    ['3', 'end'],
  ]);
  feed.close();
});

it('goes on to the next version where the rules have none of that id', async () => {
  const feed = new RatioFeed(bus, rulebook);
  const stream = feed.watch({ venue: null, chain: null });
  for (const id of ['gone', 'a', 'gone', 'b']) tell(id);
  expect(await drain(stream, 2)).toEqual(['a', 'b']);
  const waiting = stream.next();
  tell('gone');
  tell('c');
  expect(await waiting).toEqual({ done: false, value: { id: 'c' } });
  feed.close();
});

it('ends at once, also while the next item is awaited, and listens to nothing more', async () => {
  const before = bus.listenerCount('collateralRatio');
  const feed = new RatioFeed(bus, rulebook);
  const [one, other] = [feed.watch({ venue: null, chain: null }), feed.watch({ venue: null, chain: null })];
  const waiting = one.next();
  await one.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
  tell('late');
  expect(await one.next()).toEqual({ done: true, value: undefined });
  expect(await drain(other, 1)).toEqual(['late']);
  const last = other.next();
  feed.close();
  expect((await last).done).toBe(true);
  expect(bus.listenerCount('collateralRatio')).toBe(before);
});
