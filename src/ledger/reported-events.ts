/**
 * Reported events come in batches. Each is taken once by its id, however often it arrives, and each by itself: valid
 * ones are taken, invalid ones are named.
 */
import { refuse, within } from '../margin/refusal.js';
import { problemOfInstant } from '../market/quote-check.js';
import { transact, type Transaction } from '../platform/database.js';
import { isUuid } from '../platform/ids.js';
import type { Parts } from '../platform/parts.js';
import { accountNotFound, lookAgain, problemOfId, type BatchResult, type Refusal } from './ledger-checks.js';
import { lockAccounts, writeAccounts, type LockedAccount } from './locked-accounts.js';

export interface ReportedEvent {
  readonly accountId: string;
  readonly at: Date;
}

/** An event with its locked account. */
export interface BookedEvent<F extends ReportedEvent> {
  readonly event: F;
  readonly locked: LockedAccount;
}

/** An event that was recorded before, at a venue. */
export interface KnownEvent {
  readonly venue: string;
  readonly id: string;
  readonly content: string;
}

/** What is special to one kind of event, for one batch in one try of its transaction. */
export interface ReportedEventKind<F extends ReportedEvent> {
  /** In words: "fill". */
  readonly name: string;
  /** Names in the input, of the list and of the event's id: "fills", "fillId". */
  readonly list: string;
  readonly idField: string;
  idOf(event: F): string;
  /** All that identifies the event's content, in one string. */
  contentOf(event: F, locked: LockedAccount): string;
  /** Why the event is invalid, whatever the account holds. */
  problemOf(event: F, locked: LockedAccount): Refusal | null;
  /** Posts the event's effects, or refuses it. */
  post(event: F, locked: LockedAccount): Refusal | null;
  readKnown(tx: Transaction, venues: string[], ids: string[]): Promise<KnownEvent[]>;
  insert(tx: Transaction, taken: readonly BookedEvent<F>[]): Promise<void>;
}

export interface ReportedEventsResult<F extends ReportedEvent> extends BatchResult {
  /** Events recorded now or before. */
  readonly standing: readonly BookedEvent<F>[];
}

/**
 * Records each event once, in the order of the list. A refused event is not stored: its id may come again.
 *
 * @param kindOf called once a try, when the accounts are locked
 *
 * @param lockFirst takes the locks that come before those of accounts
 */
export async function recordEvents<F extends ReportedEvent>(
  { db, bus }: Pick<Parts, 'db' | 'bus'>,
  events: readonly F[],
  now: Date,
  kindOf: (tx: Transaction) => ReportedEventKind<F> | Promise<ReportedEventKind<F>>,
  lockFirst?: (tx: Transaction) => Promise<void>,
): Promise<ReportedEventsResult<F>> {
  const result = await transact(db, async (tx): Promise<ReportedEventsResult<F>> => {
    await lockFirst?.(tx);
    const lockedAccounts = await lockAccounts(tx, [
      ...new Set(events.map(({ accountId }) => accountId).filter(isUuid)),
    ]);
    const kind = await kindOf(tx);
    const known = await readKnown(tx, kind, events, lockedAccounts);
    const refusals: Refusal[] = [];
    const taken: BookedEvent<F>[] = [];
    const standing: BookedEvent<F>[] = [];
    for (const [index, event] of events.entries()) {
      const outcome = recordOne(kind, event, lockedAccounts.get(event.accountId), known, now);
      if ('refusal' in outcome) refusals.push(within([kind.list, String(index)], outcome.refusal));
      else {
        standing.push(outcome);
        if (outcome.isNew) taken.push(outcome);
      }
    }
    if (taken.length > 0) await kind.insert(tx, taken);
    const changed = await writeAccounts(tx, lockedAccounts.values(), now);
    return { recorded: taken.length, alreadyKnown: standing.length - taken.length, refusals, changed, standing };
  }).catch(lookAgain(bus, events));
  if (result.changed.length > 0) bus.emit('accounts', { ids: result.changed, cause: 'ACCOUNT' });
  return result;
}

type Outcome<F extends ReportedEvent> = (BookedEvent<F> & { readonly isNew: boolean }) | { readonly refusal: Refusal };

function recordOne<F extends ReportedEvent>(
  kind: ReportedEventKind<F>,
  event: F,
  locked: LockedAccount | undefined,
  known: Map<string, string>,
  now: Date,
): Outcome<F> {
  const idField = [kind.idField];
  const problem = problemOfId(kind.idOf(event), idField);
  if (problem !== null) return { refusal: problem };
  if (locked === undefined) return { refusal: accountNotFound(['accountId']) };
  const ofContent = kind.problemOf(event, locked) ?? problemOfInstant(event.at, now.getTime(), ['at']);
  if (ofContent !== null) return { refusal: ofContent };
  const key = keyOf(locked.account.venue, kind.idOf(event));
  const content = kind.contentOf(event, locked);
  const before = known.get(key);
  if (before !== undefined) {
    if (before === content) return { event, locked, isNew: false };
    const message = `This ${kind.name} id was recorded at ${locked.account.venue} before, with other content.`;
    return { refusal: refuse('IDEMPOTENCY_KEY_REUSED', message, idField) };
  }
  const refusal = kind.post(event, locked);
  if (refusal !== null) return { refusal };
  known.set(key, content);
  return { event, locked, isNew: true };
}

/** Events recorded under these ids, at the venues of these accounts. */
async function readKnown<F extends ReportedEvent>(
  tx: Transaction,
  kind: ReportedEventKind<F>,
  events: readonly F[],
  lockedAccounts: ReadonlyMap<string, LockedAccount>,
): Promise<Map<string, string>> {
  const venues = [...new Set([...lockedAccounts.values()].map((locked) => locked.account.venue))];
  const ids = events.map((event) => kind.idOf(event)).filter((id) => problemOfId(id, []) === null);
  return new Map((await kind.readKnown(tx, venues, ids)).map(({ venue, id, content }) => [keyOf(venue, id), content]));
}

function keyOf(venue: string, id: string): string {
  return `${venue}/${id}`;
}
