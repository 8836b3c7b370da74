/**
 * Reported events come in batches. Each is taken once by its id, however often it arrives, and each by itself: valid
 * ones are taken, invalid ones are named. Batches of different accounts are committed together.
 */
import { refuse, within } from '../../margin/refusal.js';
import { problemOfInstant } from '../../market/quote-check.js';
import { isUnavailable, NotRecordedError } from '../../platform/database/database-errors.js';
import { transact, type Transaction } from '../../platform/database/database.js';
import { Group, WHOLE_GROUP } from '../../platform/database/groups.js';
import type { Wait } from '../../platform/database/wait.js';
import { isUuid } from '../../platform/ids.js';
import type { Lanes } from '../../platform/lanes.js';
import {
  inLanes,
  lookAgain,
  problemOfId,
  type BatchResult,
  type Refusal,
  type ReportingParts,
} from '../ledger-checks.js';
import type { BookedEvent, EventAccounts, ReportedEvent, ReportedEventKind } from './event-kind.js';
import { writeAccounts } from '../account-writes.js';
import { lockAccounts, type LockedAccount } from '../locked-accounts.js';
import type { Holdings } from '../records.js';

export interface ReportedEventsResult<F extends ReportedEvent> extends BatchResult {
  /** Events recorded now or before. */
  readonly standing: readonly F[];
}

/** One batch that is first in the lanes of its accounts. */
interface Batch<F extends ReportedEvent> {
  readonly parts: ReportingParts;
  readonly events: readonly F[];
  /** Of its accounts. */
  readonly ids: readonly string[];
  readonly now: Date;
  readonly wait: Wait;
}

/** Some events were recorded before, or between two statements. What they are must be read first. */
class KnownEventsError extends Error {
  constructor() {
    super('Events of a batch are recorded already.');
    this.name = 'KnownEventsError';
  }
}

const TRIES = 6;

/** Records events of one kind. */
export class ReportedEvents<F extends ReportedEvent, L = LockedAccount> {
  /** Of each process; a test has several. */
  private readonly groups = new WeakMap<Lanes, Group<Batch<F>, ReportedEventsResult<F>>>();

  /**
   * @param kindOf called once a try, when the accounts are locked; it may take the locks that come after them
   * @param isAlone each batch has a transaction of its own
   */
  constructor(
    private readonly accounts: EventAccounts<F, L>,
    private readonly kindOf: (
      parts: ReportingParts,
      now: Date,
      batch: {
        readonly tx: Transaction;
        readonly events: readonly F[];
        readonly lockedAccounts: ReadonlyMap<string, LockedAccount>;
      },
    ) => ReportedEventKind<F, L> | Promise<ReportedEventKind<F, L>>,
    private readonly options: { readonly isAlone: boolean } = { isAlone: false },
  ) {}

  /** Records each event once, in the order of the list. A refused event is not stored: its id may come again. */
  async record(parts: ReportingParts, events: readonly F[], now: Date): Promise<ReportedEventsResult<F>> {
    const ids = [...new Set(events.flatMap((event) => this.accounts.idsOf(event)).filter(isUuid))];
    return inLanes(parts, ids, null, (wait) =>
      this.groupOf(parts.lanes).add(
        { parts, events, ids, now, wait },
        this.options.isAlone ? WHOLE_GROUP : events.length,
      ),
    );
  }

  private groupOf(lanes: Lanes): Group<Batch<F>, ReportedEventsResult<F>> {
    const known = this.groups.get(lanes) ?? new Group((batches) => this.commit(batches));
    this.groups.set(lanes, known);
    return known;
  }

  /** Commits the batches of which no account is locked elsewhere; each of the others waits alone. */
  private async commit(
    batches: readonly Batch<F>[],
  ): Promise<(ReportedEventsResult<F> | Promise<ReportedEventsResult<F>>)[]> {
    try {
      const results = await this.book(batches, true);
      return batches.map((batch, place) => results[place] ?? this.alone(batch));
    } catch (error) {
      // Nobody knows what became of the commit.
      if (isUnavailable(error) && !(error instanceof NotRecordedError)) throw error;
      // One may be at fault, and must not refuse the others.
      return batches.map((batch) => this.alone(batch));
    }
  }

  private async alone(batch: Batch<F>): Promise<ReportedEventsResult<F>> {
    const [result] = await this.book([batch], false);
    if (result == null) throw new Error('Expected the result of a batch.');
    return result;
  }

  /** Null for a batch of which an account is unknown or, with `free`, locked elsewhere. */
  private async book(batches: readonly Batch<F>[], free: boolean): Promise<(ReportedEventsResult<F> | null)[]> {
    const [first] = batches;
    if (first === undefined) return [];
    const { db, bus, hotAccounts } = first.parts;
    const now = new Date(Math.max(...batches.map((batch) => batch.now.getTime())));
    for (let tries = 1; ; tries++) {
      try {
        const results = await transact(
          db,
          (tx) => this.bookIn(tx, first.parts, batches, { now, free, isKnown: tries > 1 }),
          first.wait,
        );
        const changed = results.flatMap((result) => result?.changed ?? []);
        const holdings = results.flatMap((result) => [...(result?.holdings.values() ?? [])]);
        if (changed.length > 0) {
          hotAccounts.wrote(holdings);
          bus.emit('accounts', { ids: changed, cause: 'ACCOUNT', isHeld: true });
        }
        return results;
      } catch (error) {
        if (error instanceof KnownEventsError && tries < TRIES) continue;
        return lookAgain(
          bus,
          batches.flatMap(({ ids }) => ids.map((accountId) => ({ accountId }))),
        )(error);
      }
    }
  }

  private async bookIn(
    tx: Transaction,
    parts: ReportingParts,
    batches: readonly Batch<F>[],
    { now, free, isKnown }: { readonly now: Date; readonly free: boolean; readonly isKnown: boolean },
  ): Promise<(ReportedEventsResult<F> | null)[]> {
    const { rulebook, hotAccounts: known } = parts;
    const ids = batches.flatMap((batch) => batch.ids);
    const lockedAccounts = await lockAccounts(tx, rulebook, ids, null, { free, known });
    const got = batches.map((batch) => !free || batch.ids.every((id) => lockedAccounts.has(id)));
    const events = batches.flatMap((batch, place) => (got[place] === true ? batch.events : []));
    if (!got.includes(true)) return batches.map(() => null);
    // A fact of two accounts has one instant, from which on both show it.
    const isShared = events.some((event) => this.accounts.idsOf(event).length > 1);
    const at = isShared ? latest(now, lockedAccounts.values()) : now;
    const kind = await this.kindOf(parts, at, { tx, events, lockedAccounts });
    const before = isKnown ? await readKnown(tx, kind, events, lockedAccounts) : null;
    const booking = new Booking(kind, this.accounts, lockedAccounts, { before, now: at });
    const outcomes = batches.map((batch, place) => (got[place] === true ? booking.take(batch.events) : null));
    const { taken } = booking;
    if (taken.length > 0 && (await kind.insert(tx, taken)) < taken.length) throw new KnownEventsError();
    const changed = new Set(await writeAccounts(tx, lockedAccounts.values(), at));
    return batches.map((batch, place) => {
      const outcome = outcomes[place];
      if (outcome == null) return null;
      const holdings = new Map<string, Holdings>();
      for (const id of batch.ids) {
        const locked = lockedAccounts.get(id);
        if (locked !== undefined) holdings.set(id, locked.committed(at));
      }
      return { ...outcome, changed: batch.ids.filter((id) => changed.has(id)), holdings };
    });
  }
}

/** The instant, or that of the last change of any of the accounts if that is later. */
function latest(now: Date, accounts: Iterable<LockedAccount>): Date {
  return [...accounts].reduce((last, locked) => locked.recordedAt(last), now);
}

/** The events of a group, batch by batch. */
class Booking<F extends ReportedEvent, L> {
  /** Events to be recorded. */
  readonly taken: BookedEvent<F, L>[] = [];
  private readonly known: Map<string, string>;

  /** @param time `before` is what is recorded already; null: that was not read, since most events are new */
  constructor(
    private readonly kind: ReportedEventKind<F, L>,
    private readonly accounts: EventAccounts<F, L>,
    private readonly lockedAccounts: ReadonlyMap<string, LockedAccount>,
    private readonly time: { readonly before: ReadonlyMap<string, string> | null; readonly now: Date },
  ) {
    this.known = new Map(time.before);
  }

  take(
    events: readonly F[],
  ): Pick<ReportedEventsResult<F>, 'recorded' | 'alreadyKnown' | 'refusals' | 'warnings' | 'standing'> {
    const { list } = this.kind;
    const inList = (index: number, refusal: Refusal): Refusal =>
      within(list === null ? [] : [list, String(index)], refusal);
    const [refusals, warnings]: [Refusal[], Refusal[]] = [[], []];
    const standing: F[] = [];
    let recorded = 0;
    for (const [index, event] of events.entries()) {
      const outcome = this.recordOne(event);
      if ('refusal' in outcome) {
        // One that was recorded before is known, even if the account would refuse it now.
        if (outcome.isPosted && this.time.before === null) throw new KnownEventsError();
        refusals.push(inList(index, outcome.refusal));
        continue;
      }
      standing.push(event);
      if (!outcome.isNew) continue;
      recorded += 1;
      this.taken.push(outcome);
      warnings.push(...(this.kind.warningsOf?.(event) ?? []).map((warning) => inList(index, warning)));
    }
    return { recorded, alreadyKnown: standing.length - recorded, refusals, warnings, standing };
  }

  private recordOne(event: F): Outcome<F, L> {
    const { kind, known, accounts } = this;
    const invalid = (refusal: Refusal): Outcome<F, L> => ({ refusal, isPosted: false });
    const idField = [kind.idField];
    const problem = problemOfId(kind.idOf(event), idField);
    if (problem !== null) return invalid(problem);
    const found = accounts.lockedOf(event, this.lockedAccounts);
    if ('refusal' in found) return invalid(found.refusal);
    const { locked } = found;
    const ofContent = kind.problemOf(event, locked) ?? problemOfInstant(event.at, this.time.now.getTime(), ['at']);
    if (ofContent !== null) return invalid(ofContent);
    const venue = accounts.venueOf(locked);
    const key = keyOf(venue, kind.idOf(event));
    const content = kind.contentOf(event, locked);
    const before = known.get(key);
    if (before !== undefined) {
      if (before === content) return { event, locked, isNew: false };
      const message = `This ${kind.name} id was recorded at ${venue} before, with other content.`;
      return { refusal: refuse('IDEMPOTENCY_KEY_REUSED', message, idField), isPosted: true };
    }
    const refusal = kind.post(event, locked);
    if (refusal !== null) return { refusal, isPosted: true };
    known.set(key, content);
    return { event, locked, isNew: true };
  }
}

type Outcome<F extends ReportedEvent, L> =
  | (BookedEvent<F, L> & { readonly isNew: boolean })
  /** With `isPosted` an account refuses it; else it is invalid. */
  | { readonly refusal: Refusal; readonly isPosted: boolean };

/** Events recorded under these ids, at the venues of these accounts. */
async function readKnown<F extends ReportedEvent, L>(
  tx: Transaction,
  kind: ReportedEventKind<F, L>,
  events: readonly F[],
  lockedAccounts: ReadonlyMap<string, LockedAccount>,
): Promise<Map<string, string>> {
  const venues = [...new Set([...lockedAccounts.values()].map((locked) => locked.account.venue))];
  const ids = events.map((event) => kind.idOf(event)).filter((id) => problemOfId(id, []) === null);
  const known = await kind.readKnown(tx, venues, ids);
  return new Map(known.map(({ venue, id, content }) => [keyOf(venue, id), content]));
}

function keyOf(venue: string, id: string): string {
  return `${venue}/${id}`;
}
