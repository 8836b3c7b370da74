/** What happens to the servers and to what surrounds them. Each fault heals itself, or is healed by `heal`. */
import type pg from 'pg';

import { sleep } from '../../src/platform/retry.js';
import type { Dice } from './dice.js';
import type { SoakServer } from './servers.js';
import type { Services } from './services.js';

/** By what they strike: two of one lane never meet, those of two lanes do. */
const LANES = [
  ['freeze', 'kill', 'clock'],
  ['sessions', 'failover'],
  ['redis', 'silence'],
] as const;
export type Fault = (typeof LANES)[number][number];
export const FAULTS: readonly Fault[] = LANES.flat();

export interface Targets {
  readonly services: Services;
  readonly servers: readonly SoakServer[];
  readonly pool: pg.Pool;
  readonly say: (text: string) => void;
  /** Commits may be lost that were made since `from`, in milliseconds of this process. */
  readonly onLoss: (from: number) => void;
}

interface Lane {
  readonly dice: Dice;
  readonly kinds: readonly Fault[];
  /** Those still to come of this deal. */
  next: Fault[];
}

export class Faults {
  readonly counts = new Map<Fault, number>();
  private readonly lanes: readonly Lane[];

  constructor(
    dice: Dice,
    kinds: readonly Fault[],
    private readonly targets: Targets,
  ) {
    this.lanes = LANES.map((lane) => ({
      dice: dice.fork(),
      kinds: lane.filter((kind) => kinds.includes(kind)),
      next: [],
    }));
  }

  /** In each lane one after the other, with pauses, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.lanes.map((lane) => this.runLane(lane, signal)));
  }

  private async runLane(lane: Lane, signal: AbortSignal): Promise<void> {
    const { dice, kinds } = lane;
    while (!signal.aborted && kinds.length > 0) {
      await sleep(dice.within(500, 6_000), signal);
      if (signal.aborted) return;
      // Dealt like cards: each kind comes before one comes again.
      if (lane.next.length === 0) lane.next = dice.shuffled(kinds);
      const fault = lane.next.pop();
      if (fault === undefined) return;
      this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
      await this.strike(fault, dice, signal);
    }
  }

  /** All of it is as it should be, but for servers that have yet to start. */
  async heal(): Promise<void> {
    const { services, servers } = this.targets;
    services.thawRedis();
    await services.startRedis();
    for (const server of servers) {
      server.thaw();
      server.setClock(0);
      server.start();
    }
  }

  private async strike(fault: Fault, dice: Dice, signal: AbortSignal): Promise<void> {
    const { services, servers, pool, say, onLoss } = this.targets;
    const server = dice.pick(servers);
    const forMs = dice.within(500, 7_000);
    say(`${fault} ${fault === 'freeze' || fault === 'kill' || fault === 'clock' ? server.name : ''}`);
    switch (fault) {
      case 'freeze':
        server.freeze();
        await sleep(forMs, signal);
        server.thaw();
        return;
      case 'kill':
        await server.kill();
        await sleep(forMs / 4, signal);
        server.start();
        return;
      case 'sessions':
        // The database may be away itself.
        await services.endSessions(pool).catch(() => undefined);
        return;
      case 'redis':
        await services.killRedis();
        await sleep(forMs, signal);
        await services.startRedis();
        return;
      case 'silence':
        services.freezeRedis();
        await sleep(forMs, signal);
        services.thawRedis();
        return;
      case 'clock':
        server.setClock(dice.pick([-7_200_000, -30_000, -3_000, 3_000, 30_000, 7_200_000]));
        await sleep(forMs, signal);
        server.setClock(0);
        return;
      case 'failover': {
        const from = performance.now();
        await services.failOver(dice.within(0, 1_500));
        onLoss(from);
        return;
      }
    }
  }
}
