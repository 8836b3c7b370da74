/** How the API comes by one account: the loaders of the request read it, and the viewer must be one who may see it. */
import type { MarginState } from '../../ledger/margin-state.js';
import { UnreadableAccountError, type AccountRecord, type Holdings } from '../../ledger/records.js';
import { isUuid } from '../../platform/ids.js';
import { growingPause, sleep } from '../../platform/retry.js';
import type { Context } from '../execution/context.js';
import { confinedTo, maySee, viewerOf } from '../types/access.js';
import { ApiError, badUserInput } from '../types/api-error.js';
import { localId } from '../types/global-id.js';

/** How long a reader waits for a version that another server has acknowledged. */
const VERSION_WAIT_MS = 2_000;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 200;

/** The arguments by which a query names one account. */
interface AccountName {
  readonly id: string | null | undefined;
  readonly externalId: string | null | undefined;
  readonly venue: string | null | undefined;
}

/** The local id; null where the venue has no such account. Exactly one way of naming it is taken. */
export async function namedAccount({ id, externalId, venue }: AccountName, context: Context): Promise<string | null> {
  if (id != null && externalId == null && venue == null) return localId('Account', id);
  if (id == null && externalId != null && venue != null) {
    return context.loaders.externalId.load({ venue, externalId, visibleTo: confinedTo(viewerOf(context)) });
  }
  const got = Object.entries({ id, externalId, venue }).flatMap(([name, value]) =>
    value == null ? [] : `\`${name}\``,
  );
  throw badUserInput(`Expected \`id\`, or \`externalId\` and \`venue\`; got ${got.join(' and ') || 'none of them'}.`);
}

/** The account, if it exists and the viewer may see it. */
export async function visibleAccount(id: string, context: Context): Promise<AccountRecord | null> {
  if (!isUuid(id)) return null;
  const viewer = viewerOf(context);
  const [holdings = null] = await context.loaders.holdings.loadMany([id]);
  if (holdings instanceof UnreadableAccountError && !maySee(viewer, holdings)) return null;
  if (holdings instanceof Error) throw holdings;
  return holdings !== null && maySee(viewer, holdings.account) ? holdings.account : null;
}

/** The same, at this version or a later one. What the request has read of an older one is dropped. */
export async function accountFrom(id: string, version: number, context: Context): Promise<AccountRecord | null> {
  const { loaders, hotAccounts, patience } = context;
  const deadline = performance.now() + VERSION_WAIT_MS;
  const pause = growingPause(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
  for (let attempt = 1; ; attempt++) {
    const account = await visibleAccount(id, context);
    if (account === null || account.version >= version) return account;
    if (performance.now() > deadline) {
      const expected = `Expected version ${version} of the account or a later one`;
      throw new ApiError(
        'SERVICE_UNAVAILABLE',
        `${expected}; after ${VERSION_WAIT_MS / 1_000} s it is at ${account.version}.`,
      );
    }
    patience.check();
    if (attempt > 1) await sleep(pause(attempt), null);
    await hotAccounts.readAnew([id]);
    loaders.holdings.clear(id);
    loaders.margin.clear(id);
  }
}

/** The margin state of an account that is known to exist. */
export async function marginOf(id: string, { loaders }: Context): Promise<MarginState> {
  const state = await loaders.margin.load(id);
  if (state === null) throw new Error(`The account ${id} is missing.`);
  return state;
}

/** The holdings of an account that is known to exist, from the same read as its margin state. */
export async function holdingsOf(id: string, { loaders }: Context): Promise<Holdings> {
  const holdings = await loaders.holdings.load(id);
  if (holdings === null) throw new Error(`The account ${id} is missing.`);
  return holdings;
}

/** The account alone, of one that is known to exist: also where what it holds cannot be read. */
export async function recordOf(id: string, { loaders }: Context): Promise<AccountRecord> {
  const [holdings = null] = await loaders.holdings.loadMany([id]);
  if (holdings instanceof UnreadableAccountError) return holdings.account;
  if (holdings instanceof Error) throw holdings;
  if (holdings === null) throw new Error(`The account ${id} is missing.`);
  return holdings.account;
}
