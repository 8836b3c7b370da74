import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';

import { DatabaseClock } from '../../src/platform/clock.js';

const START = Date.parse('2026-11-27T05:05:00Z');
const HOUR = 3_600_000;

/** A clock over a database whose clock, answers and failures the test sets; time passes only by `pass`. */
async function opened() {
  const world = { timer: 1_000, wall: START, ahead: 0, roundTrip: 2, isAway: false };
  const pass = (milliseconds: number): void => {
    world.timer += milliseconds;
    world.wall += milliseconds;
  };
  const clock = await DatabaseClock.open({
    read: () => {
      if (world.isAway) return Promise.reject(new Error('The database is away.'));
      pass(world.roundTrip);
      return Promise.resolve(world.wall + world.ahead - world.roundTrip / 2);
    },
    log: pino({ level: 'silent' }),
    timer: () => world.timer,
  });
  /** As many seconds, with a measure every five. */
  const live = async (seconds: number): Promise<void> => {
    for (let passed = 0; passed < seconds; passed += 5) {
      pass(5_000 - world.roundTrip);
      await clock.measure();
    }
  };
  const off = (): number => clock.now() - world.wall;
  return { world, pass, live, clock, off };
}

describe('the clock', () => {
  it('is the clock of the database, by half the round trip', async () => {
    const { world, live, clock, off } = await opened();
    expect(off()).toBe(0);
    expect(clock.problem(world.wall)).toBeNull();
    world.ahead = 1_500;
    await live(60);
    expect(off()).toBe(1_500);
  });

  it('does not follow the wall clock of its own machine, and says that it is apart', async () => {
    const { world, clock, off } = await opened();
    expect(clock.problem(world.wall + 2_000)).toBeNull();
    expect(clock.problem(world.wall + 2 * HOUR)).toMatchObject({
      status: 'degraded',
      message: expect.stringContaining('of this machine is 7200.0 s ahead of the clock of the database'),
    });
    expect(clock.problem(world.wall - HOUR)?.message).toContain('is 3600.0 s behind the clock of the database');
    expect(off()).toBe(0);
  });

  it('believes the quickest answer of the last minute', async () => {
    const { world, live, off } = await opened();
    world.ahead = 300;
    world.roundTrip = 900;
    await live(30);
    expect(Math.abs(off())).toBeLessThan(1);
    await live(60);
    expect(off()).toBe(300);
  });

  it('waits where the database is set back a little, and never answers an earlier instant', async () => {
    const { world, pass, clock } = await opened();
    const before = clock.now();
    world.ahead = -1_900;
    for (let measures = 0; measures < 12; measures++) await clock.measure();
    expect(clock.now()).toBeGreaterThanOrEqual(before);
    const stands = clock.now();
    pass(1_000);
    expect(clock.now()).toBe(stands);
    pass(2_000);
    expect(clock.now()).toBeGreaterThan(stands);
  });

  it.each([2 * HOUR, -2 * HOUR])('leaves out a step of the database by %p ms that is taken back', async (ahead) => {
    const { world, live, clock, off } = await opened();
    world.ahead = ahead;
    await live(25);
    expect(off()).toBe(0);
    expect(clock.problem(world.wall)?.message).toMatch(/^The clock of the database has jumped: it is 7200.0 s /);
    world.ahead = 0;
    await live(5);
    expect(off()).toBe(0);
    expect(clock.problem(world.wall)).toBeNull();
  });

  it.each([2 * HOUR, -2 * HOUR])('follows a step of the database by %p ms that stands', async (ahead) => {
    const { world, live, clock, off } = await opened();
    clock.now();
    world.ahead = ahead;
    await live(40);
    expect(off()).toBe(ahead);
    expect(clock.problem(world.wall + ahead)).toBeNull();
  });

  it('goes on while the database is away', async () => {
    const { world, live, off } = await opened();
    world.isAway = true;
    await live(120);
    expect(Math.abs(off())).toBeLessThan(100);
  });
});
