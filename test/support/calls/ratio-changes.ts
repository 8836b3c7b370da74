/** Collateral ratios that an admin changes and cancels, and what subscribers are sent of them. */
import { expect } from '@jest/globals';

import type { Api } from '../services/api.js';
import type { TestApp } from '../services/app.js';
import { until } from '../until.js';
import { govern, newestVersion, type AdminOutcome, type Place, type Ratio } from './admin-calls.js';

export const LISTA: Place = { venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'LISTA' };

/** Of the newest version, unless another one is named. */
export async function changeRatio(admin: Api, place: Place, choice: object): Promise<AdminOutcome> {
  const expectedVersion = await newestVersion(admin, place);
  return govern(admin, 'changeCollateralRatio', { ...place, expectedVersion, ...choice });
}

/** A version that was made; forced. */
export async function madeRatio(admin: Api, place: Place, choice: object): Promise<Ratio> {
  const { collateralRatio, errors } = await changeRatio(admin, place, { force: true, ...choice });
  expect(errors).toEqual([]);
  if (collateralRatio == null) throw new Error('Expected a version.');
  return collateralRatio;
}

export function cancelRatio(admin: Api, id: string, choice: object = {}): Promise<AdminOutcome> {
  return govern(admin, 'cancelCollateralRatio', { id, ...choice });
}

export interface RatioWatcher {
  /** "LISTA 3 ACTIVE root" */
  next(): Promise<string>;
  end(): Promise<void>;
}

/** What a subscriber is sent of ratios, one after the other. */
export function watchRatios(api: Api, args = ''): RatioWatcher {
  const socket = api.socket();
  type Event = { collateralRatioChanged: Ratio & { asset: { symbol: string } } };
  const stream = socket.iterate<Event>({
    query: `subscription { collateralRatioChanged${args} { asset { symbol } version status changedBy } }`,
  });
  return {
    next: async () => {
      const result = await stream.next();
      if (result.done === true) return 'end';
      const sent = result.value.data?.collateralRatioChanged;
      return `${sent?.asset.symbol} ${sent?.version} ${sent?.status} ${sent?.changedBy}`;
    },
    end: async () => {
      await stream.return?.();
      await socket.dispose();
    },
  };
}

/** Subscriptions have no acknowledgement: events from now on reach those that were opened before. */
export async function subscribed({ app }: TestApp, count: number): Promise<void> {
  const feed = app.services.ratioFeed as unknown as { streams: Set<unknown> };
  await until(() => feed.streams.size >= count);
}
