/**
 * The cost that each client may spend a minute. The minute begins with its first operation. Budgets are in the memory
 * of the process, or in Redis, shared by the processes of one installation. While Redis is down each process allows a
 * share, so that all together allow one budget.
 */
import { Redis } from 'ioredis';

import type { Logger } from '../../platform/log.js';

const WINDOW_MS = 60_000;
/** How long to wait for an answer of Redis. */
const PATIENCE_MS = 250;
/** How long Redis is not called after it failed to answer. */
const RETRY_MS = 2_000;
/** How often the servers are counted, and how many counts are remembered: servers come back one by one after an outage. */
const COUNT_MS = 5_000;
const COUNTS = 12;
/** The servers of an installation whose Redis has never answered. */
const ASSUMED_SERVERS = 4;

export interface CostBudget {
  /**
   * Takes the cost out of the client's budget and returns null. If too little is left, it takes nothing and returns the
   * seconds until the budget is full again. The first operation of a minute is always allowed.
   */
  spend(client: string, cost: number): Promise<number | null>;
  close(): void;
}

/**
 * @param perMinute what a client may spend, now
 * @param clock milliseconds, from any instant on
 */
export function memoryBudget(perMinute: () => number, clock: () => number = () => performance.now()): CostBudget {
  // In the order in which their minutes began.
  const windows = new Map<string, { ends: number; spent: number }>();
  return {
    spend: async (client, cost) => {
      const now = clock();
      for (const [each, { ends }] of windows) {
        if (ends > now) break;
        windows.delete(each);
      }
      const window = windows.get(client);
      if (window === undefined) {
        windows.set(client, { ends: now + WINDOW_MS, spent: cost });
        return null;
      }
      if (window.spent + cost > perMinute()) return Math.ceil((window.ends - now) / 1_000);
      window.spent += cost;
      return null;
    },
    close: () => windows.clear(),
  };
}

/** In Redis, or in memory where there is none. */
export function openBudget(
  redis: Pick<RedisBudgetOptions, 'url' | 'channel'> | null,
  perMinute: number,
  log: Logger,
): CostBudget {
  return redis === null ? memoryBudget(() => perMinute) : redisBudget({ ...redis, perMinute, log });
}

/** Adds the cost and returns 0, or returns the milliseconds left of the minute if the cost is too much. */
const SPEND = `
local spent = tonumber(redis.call('GET', KEYS[1]) or '-1')
if spent < 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  return 0
end
if spent + tonumber(ARGV[1]) > tonumber(ARGV[2]) then
  return math.max(redis.call('PTTL', KEYS[1]), 1)
end
redis.call('INCRBY', KEYS[1], ARGV[1])
return 0`;

export interface RedisBudgetOptions {
  readonly url: string;
  /** The channel on which every server of this installation listens; installations may share a Redis. */
  readonly channel: string;
  readonly perMinute: number;
  readonly log: Logger;
}

export function redisBudget({ url, channel, perMinute, log }: RedisBudgetOptions): CostBudget {
  // While Redis is down no operation waits for it.
  const redis = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: PATIENCE_MS });
  const counts: number[] = [];
  const own = memoryBudget(() => perMinute / (counts.length === 0 ? ASSUMED_SERVERS : Math.max(...counts)));
  const count = async (): Promise<void> => {
    const [, servers] = (await redis.pubsub('NUMSUB', channel)) as [string, number];
    counts.push(Math.max(1, servers));
    if (counts.length > COUNTS) counts.shift();
  };
  // A failure shows by the costs that cannot be counted. The last counts stand until Redis is back.
  const counting = setInterval(() => void count().catch(() => undefined), COUNT_MS).unref();
  redis.on('ready', () => void count().catch(() => undefined));
  let awayUntil = 0;
  redis.on('error', (error) => log.debug({ err: error }, 'Redis does not count costs at the moment.'));
  return {
    spend: async (client, cost) => {
      if (redis.status !== 'ready' || performance.now() < awayUntil) return own.spend(client, cost);
      try {
        const left = await redis.eval(SPEND, 1, `${channel}:cost:${client}`, cost, perMinute, WINDOW_MS);
        return left === 0 ? null : Math.ceil(Number(left) / 1_000);
      } catch (error) {
        log.warn({ err: error }, 'Costs cannot be counted in Redis; this process counts for itself.');
        awayUntil = performance.now() + RETRY_MS;
        return own.spend(client, cost);
      }
    },
    close: () => {
      clearInterval(counting);
      redis.disconnect();
    },
  };
}
