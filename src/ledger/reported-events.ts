/**
 * Facts that the venue reports in batches: each once by its id, however often it arrives, and each by itself: what is
 * right is taken, what is wrong is named.
 */
import type { Refusal } from '../margin/refusal.js';
import { transact, type Transaction } from '../platform/database.js';
import { isUuid } from '../platform/ids.js';
import {
  accountNotFound,
  lookAgain,
  problemOfId,
  problemOfInstant,
  reusedId,
  type BatchResult,
  type LedgerParts,
} from './ledger-checks.js';
import { openBooks, writeBooks, type OpenBook } from './locked-accounts.js';

export interface Fact {
  readonly accountId: string;
  readonly at: Date;
}

/** Where a field of the fact stands in the input. */
export type FieldOf = (name: string) => string[];

/** A fact of an account whose book is open. */
export interface BookedFact<F extends Fact> {
  readonly fact: F;
  readonly book: OpenBook;
}

/** What was recorded before at a venue. */
export interface KnownFact {
  readonly venue: string;
  readonly id: string;
  readonly content: string;
}

/** What facts of one kind have of their own; of one batch, in one try of its transaction. */
export interface FactKind<F extends Fact> {
  /** In words: "fill". */
  readonly name: string;
  /** Where they stand in the input, and what their id is called there: "fills", "fillId". */
  readonly list: string;
  readonly idField: string;
  idOf(fact: F): string;
  /** All that makes it the same fact, in one line. */
  contentOf(fact: F, book: OpenBook): string;
  /** Why it is no such fact, whatever the account holds. */
  problemOf(fact: F, book: OpenBook, field: FieldOf): Refusal | null;
  /** Books what comes of it, or says why nothing can. */
  post(fact: F, book: OpenBook, field: FieldOf): Refusal | null;
  readKnown(tx: Transaction, venues: string[], ids: string[]): Promise<KnownFact[]>;
  insert(tx: Transaction, taken: readonly BookedFact<F>[]): Promise<void>;
}

export interface FactsResult<F extends Fact> extends BatchResult {
  /** Those that are recorded now, or were before. */
  readonly standing: readonly BookedFact<F>[];
}

/**
 * Records each fact once, in the order of the list. What is refused is not remembered: its id may come again.
 *
 * @param kindOf called once a try, when the accounts are locked
 * @param lockFirst takes the locks that come before those of accounts
 */
export async function recordFacts<F extends Fact>(
  { db, bus }: LedgerParts,
  facts: readonly F[],
  now: Date,
  kindOf: (tx: Transaction) => FactKind<F> | Promise<FactKind<F>>,
  lockFirst?: (tx: Transaction) => Promise<void>,
): Promise<FactsResult<F>> {
  const result = await transact(db, async (tx): Promise<FactsResult<F>> => {
    await lockFirst?.(tx);
    const books = await openBooks(tx, [...new Set(facts.map(({ accountId }) => accountId).filter(isUuid))]);
    const kind = await kindOf(tx);
    const known = await readKnown(tx, kind, facts, books);
    const refusals: Refusal[] = [];
    const taken: BookedFact<F>[] = [];
    const standing: BookedFact<F>[] = [];
    for (const [index, fact] of facts.entries()) {
      const field: FieldOf = (name) => ['input', kind.list, String(index), name];
      const outcome = recordOne(kind, fact, books.get(fact.accountId), known, now, field);
      if ('refusal' in outcome) refusals.push(outcome.refusal);
      else {
        standing.push(outcome);
        if (outcome.isNew) taken.push(outcome);
      }
    }
    if (taken.length > 0) await kind.insert(tx, taken);
    const changed = await writeBooks(tx, books.values(), now);
    return { recorded: taken.length, alreadyKnown: standing.length - taken.length, refusals, changed, standing };
  }).catch(lookAgain(bus, facts));
  if (result.changed.length > 0) bus.emit('accounts', { ids: result.changed, cause: 'ACCOUNT' });
  return result;
}

type Outcome<F extends Fact> = (BookedFact<F> & { readonly isNew: boolean }) | { readonly refusal: Refusal };

function recordOne<F extends Fact>(
  kind: FactKind<F>,
  fact: F,
  book: OpenBook | undefined,
  known: Map<string, string>,
  now: Date,
  field: FieldOf,
): Outcome<F> {
  const idField = field(kind.idField);
  const problem = problemOfId(kind.idOf(fact), idField);
  if (problem !== null) return { refusal: problem };
  if (book === undefined) return { refusal: accountNotFound(field('accountId')) };
  const ofContent = kind.problemOf(fact, book, field) ?? problemOfInstant(fact.at, now, field('at'));
  if (ofContent !== null) return { refusal: ofContent };
  const key = keyOf(book.account.venue, kind.idOf(fact));
  const content = kind.contentOf(fact, book);
  const before = known.get(key);
  if (before !== undefined) {
    return before === content ? { fact, book, isNew: false } : { refusal: reusedId(kind.name, book.account, idField) };
  }
  const refusal = kind.post(fact, book, field);
  if (refusal !== null) return { refusal };
  known.set(key, content);
  return { fact, book, isNew: true };
}

/** What was recorded under these ids, at the venues of these accounts. */
async function readKnown<F extends Fact>(
  tx: Transaction,
  kind: FactKind<F>,
  facts: readonly F[],
  books: ReadonlyMap<string, OpenBook>,
): Promise<Map<string, string>> {
  const venues = [...new Set([...books.values()].map((book) => book.account.venue))];
  const ids = facts.map((fact) => kind.idOf(fact)).filter((id) => problemOfId(id, []) === null);
  return new Map((await kind.readKnown(tx, venues, ids)).map(({ venue, id, content }) => [keyOf(venue, id), content]));
}

function keyOf(venue: string, id: string): string {
  return `${venue}/${id}`;
}
