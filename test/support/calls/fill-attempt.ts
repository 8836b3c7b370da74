/** Fills that are sent while something fails: taken, or refused as the contract says. */
import { expect } from '@jest/globals';

import type { Answer, Api } from '../services/api.js';
import type { Batch } from './venue-system.js';

const FILLS = `mutation ($input: RecordFillsInput!) {
  recordFills(input: $input) { recorded alreadyKnown errors { code field message required available } } }`;
/** What no answer may say. */
export const INTERNALS = /prisma|postgres|pglite|space left|base\/|terminat|ECONN|node_modules|\.ts\b|\.js\b|select /i;

/** Null: it was refused with SERVICE_UNAVAILABLE. Any other error is a failure of the test. */
export async function attempt(service: Api, fills: readonly object[]): Promise<Batch | null> {
  const answer: Answer<{ recordFills: Batch }> = await service.send(FILLS, { input: { fills } });
  if (answer.errors === undefined) return answer.data?.recordFills ?? null;
  expect(answer.errors.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE']);
  expect(JSON.stringify(answer)).not.toMatch(INTERNALS);
  return null;
}
