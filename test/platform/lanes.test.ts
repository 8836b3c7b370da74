import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from '@jest/globals';

import { LaneBusyError, Lanes, TooManyWritesError } from '../../src/platform/lanes.js';

/** Work that ends when the test says so, and notes when it began. */
function gate(begun: string[], name: string) {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const work = async (): Promise<string> => {
    begun.push(name);
    await opened;
    return name;
  };
  return { work, open: async () => (open(), await sleep(0)) };
}

describe('lanes', () => {
  it('run writes of one key in order, and others beside them', async () => {
    const lanes = new Lanes(8);
    const begun: string[] = [];
    const [a, both, b, c] = [gate(begun, 'a'), gate(begun, 'both'), gate(begun, 'b'), gate(begun, 'c')];
    const results = [
      lanes.run(['a'], null, a.work),
      lanes.run(['a', 'b', 'b'], null, both.work),
      lanes.run(['b'], null, b.work),
      lanes.run(['c'], null, c.work),
    ];
    expect(begun).toEqual(['a', 'c']);
    expect(lanes.free(['a', 'b', 'c', 'd'])).toEqual(['d']);
    await a.open();
    expect(begun).toEqual(['a', 'c', 'both']);
    await both.open();
    expect(begun).toEqual(['a', 'c', 'both', 'b']);
    await Promise.all([b.open(), c.open()]);
    expect(await Promise.all(results)).toEqual(['a', 'both', 'b', 'c']);
    expect(lanes.free(['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
  });

  it('let a viewer be ahead of others in a lane by no more than few', async () => {
    const lanes = new Lanes(2, 10_000);
    const begun: string[] = [];
    const own = ['0', '1', '2', '3'].map((name) => gate(begun, name));
    const venue = gate(begun, 'venue');
    const done = own.map(({ work }) => lanes.run(['account'], 'alice', work));
    done.push(lanes.run(['account'], null, venue.work));
    for (const { open } of [...own, venue]) await open();
    expect(await Promise.all(done)).toHaveLength(5);
    expect(begun).toEqual(['0', '1', 'venue', '2', '3']);
  });

  it('tell the work how much of its wait is left', async () => {
    const lanes = new Lanes(8, 1_000);
    const slow = gate([], 'slow');
    const first = lanes.run(['a'], null, slow.work);
    const left = lanes.run(['a'], null, ({ leftMs }) => Promise.resolve(leftMs));
    await sleep(60);
    await slow.open();
    await first;
    expect(await left).toBeGreaterThan(500);
    expect(await left).toBeLessThan(950);
  });

  it('go on after a write that failed', async () => {
    const lanes = new Lanes(8);
    const failed = lanes.run(['a'], 'alice', () => Promise.reject(new Error('It failed.')));
    const next = lanes.run(['a'], 'alice', () => Promise.resolve('next'));
    await expect(failed).rejects.toThrow('It failed.');
    expect(await next).toBe('next');
  });

  it('refuse what waited too long, which then never begins, and hold up nobody by it', async () => {
    const lanes = new Lanes(8, 30);
    const begun: string[] = [];
    const slow = gate(begun, 'slow');
    const first = lanes.run(['a'], null, slow.work);
    const late = lanes.run(['a', 'b'], null, gate(begun, 'late').work);
    const behind = lanes.run(['b'], null, () => Promise.resolve('behind'));
    const error = await late.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LaneBusyError);
    expect(error).toMatchObject({ keys: ['a'] });
    expect(await behind).toBe('behind');
    await slow.open();
    expect(await first).toBe('slow');
    expect(begun).toEqual(['slow']);
  });

  it('let few writes of one viewer in at once, the others behind them, and refuse what is too much', async () => {
    const lanes = new Lanes(2, 10_000);
    const begun: string[] = [];
    const gates = Array.from({ length: 22 }, (_, index) => gate(begun, String(index)));
    const done = gates.map(({ work }, index) => lanes.run([`account ${index}`], 'alice', work));
    await expect(lanes.run(['account 23'], 'alice', gate(begun, 'too many').work)).rejects.toThrow(TooManyWritesError);
    expect(begun).toEqual(['0', '1']);
    expect(await lanes.run(['account 24'], 'bob', () => Promise.resolve('bob'))).toBe('bob');
    expect(await lanes.run(['account 25'], null, () => Promise.resolve('venue'))).toBe('venue');
    for (const { open } of gates) await open();
    expect(await Promise.all(done)).toHaveLength(22);
    expect(begun).toHaveLength(22);
    expect(await lanes.run(['account 26'], 'alice', () => Promise.resolve('again'))).toBe('again');
  });

  it('refuse what waited too long behind others of its viewer', async () => {
    const lanes = new Lanes(1, 30);
    const slow = gate([], 'slow');
    const first = lanes.run(['a'], 'alice', slow.work);
    const late = lanes.run(['b'], 'alice', () => Promise.resolve('late')).catch((reason: unknown) => reason);
    expect(await late).toBeInstanceOf(LaneBusyError);
    expect(await late).toMatchObject({ keys: ['b'] });
    await slow.open();
    expect(await first).toBe('slow');
    expect(await lanes.run(['b'], 'alice', () => Promise.resolve('next'))).toBe('next');
  });
});
