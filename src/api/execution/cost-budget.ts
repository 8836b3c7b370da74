/**
 * The cost that each client may spend a minute. The minute begins with its first operation. Budgets are in the memory
 * of the process, or in Redis, shared by several processes. While Redis is down each process counts for itself.
 */
import { Redis } from 'ioredis';

import type { Logger } from '../../platform/log.js';

const WINDOW_MS = 60_000;
/** How long to wait for an answer of Redis. */
const PATIENCE_MS = 250;
/** How long Redis is not called after it failed to answer. */
const RETRY_MS = 2_000;

export interface CostBudget {
  /**
   * Takes the cost out of the client's budget and returns null. If too little is left, it takes nothing and returns the
   * seconds until the budget is full again. The first operation of a minute is always allowed.
   */
  spend(client: string, cost: number): Promise<number | null>;
  close(): void;
}

/** @param clock milliseconds, from any instant on */
export function memoryBudget(perMinute: number, clock: () => number = () => performance.now()): CostBudget {
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
      if (window.spent + cost > perMinute) return Math.ceil((window.ends - now) / 1_000);
      window.spent += cost;
      return null;
    },
    close: () => windows.clear(),
  };
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

export function redisBudget(url: string, perMinute: number, log: Logger): CostBudget {
  const own = memoryBudget(perMinute);
  // While Redis is down no operation waits for it.
  const redis = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: PATIENCE_MS });
  let awayUntil = 0;
  redis.on('error', (error) => log.debug({ err: error }, 'Redis does not count costs at the moment.'));
  return {
    spend: async (client, cost) => {
      if (redis.status !== 'ready' || performance.now() < awayUntil) return own.spend(client, cost);
      try {
        const left = await redis.eval(SPEND, 1, `plimsoll:cost:${client}`, cost, perMinute, WINDOW_MS);
        return left === 0 ? null : Math.ceil(Number(left) / 1_000);
      } catch (error) {
        log.warn({ err: error }, 'Costs cannot be counted in Redis; this process counts for itself.');
        awayUntil = performance.now() + RETRY_MS;
        return own.spend(client, cost);
      }
    },
    close: () => redis.disconnect(),
  };
}
