import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from '@jest/globals';

import { Group } from '../../src/platform/database/groups.js';

const BOUNDS = { items: 3, waitMs: 60_000, groups: 2 };

/** Commits of which the test says when they end. */
function committing() {
  const groups: { readonly writes: readonly string[]; readonly end: (error?: Error) => Promise<void> }[] = [];
  const commit = (writes: readonly string[]): Promise<string[]> =>
    new Promise((resolve, reject) => {
      groups.push({
        writes,
        end: async (error) => {
          if (error === undefined) resolve(writes.map((write) => `${write} done`));
          else reject(error);
          await sleep(0);
        },
      });
    });
  return { commit, groups, writes: () => groups.map((group) => group.writes) };
}

describe('a group', () => {
  it('begins at once with a write to which nothing is under way', async () => {
    const { commit, groups, writes } = committing();
    const group = new Group(commit, BOUNDS);
    const lone = group.add('lone', 1);
    expect(writes()).toEqual([['lone']]);
    await groups[0]?.end();
    expect(await lone).toBe('lone done');
  });

  it('is what came meanwhile, in order, as far as its bound of items goes; a larger write is one by itself', async () => {
    const { commit, groups, writes } = committing();
    const group = new Group(commit, BOUNDS);
    const added = ['a', 'b', 'c', 'd'].map((write) => group.add(write, 1));
    added.push(group.add('large', 7), group.add('e', 1));
    for (let next = 0; next < 4; next++) await groups[next]?.end();
    expect(writes()).toEqual([['a'], ['b', 'c', 'd'], ['large'], ['e']]);
    expect(await Promise.all(added)).toEqual(['a', 'b', 'c', 'd', 'large', 'e'].map((write) => `${write} done`));
  });

  it('begins beside another one when its first write has waited long enough, and no more than so many at once', async () => {
    const { commit, groups, writes } = committing();
    const group = new Group(commit, { ...BOUNDS, waitMs: 20 });
    const added = [group.add('a', 1), group.add('b', 1)];
    expect(writes()).toEqual([['a']]);
    await sleep(40);
    expect(writes()).toEqual([['a'], ['b']]);
    added.push(group.add('c', 1));
    await sleep(40);
    expect(writes()).toEqual([['a'], ['b']]);
    await groups[1]?.end();
    expect(writes()).toEqual([['a'], ['b'], ['c']]);
    await groups[0]?.end();
    await groups[2]?.end();
    expect(await Promise.all(added)).toEqual(['a done', 'b done', 'c done']);
  });

  it('is not held up by a write that goes on alone, and answers all what it throws', async () => {
    let open: (result: string) => void = () => undefined;
    const alone = new Promise<string>((resolve) => (open = resolve));
    let fails = false;
    const group = new Group<string, string>(async (writes) => {
      if (fails) throw new Error('away');
      return writes.map((write) => (write === 'locked' ? alone : write));
    }, BOUNDS);
    const locked = group.add('locked', 1);
    expect(await group.add('free', 1)).toBe('free');
    expect(await group.add('next', 1)).toBe('next');
    fails = true;
    await expect(Promise.allSettled([group.add('a', 1), group.add('b', 1)])).resolves.toMatchObject([
      { reason: { message: 'away' } },
      { reason: { message: 'away' } },
    ]);
    open('locked');
    expect(await locked).toBe('locked');
  });
});
