/** What is special to one kind of reported events, such as fills. */
import type { Transaction } from '../../platform/database/database.js';
import { accountNotFound, type Refusal } from '../ledger-checks.js';
import type { LockedAccount } from '../locked-accounts.js';

export interface ReportedEvent {
  readonly at: Date;
}

/** The accounts of events of one kind: one account, or one on each side. */
export interface EventAccounts<F extends ReportedEvent, L> {
  idsOf(event: F): readonly string[];
  /** What the event is booked to; the refusal names the account that is at fault. */
  lockedOf(
    event: F,
    lockedAccounts: ReadonlyMap<string, LockedAccount>,
  ): { readonly locked: L } | { readonly refusal: Refusal };
  venueOf(locked: L): string;
}

/** Events of one account each. */
export const ONE_ACCOUNT: EventAccounts<ReportedEvent & { readonly accountId: string }, LockedAccount> = {
  idsOf: ({ accountId }) => [accountId],
  lockedOf: ({ accountId }, lockedAccounts) => {
    const locked = lockedAccounts.get(accountId);
    return locked === undefined ? { refusal: accountNotFound(['accountId']) } : { locked };
  },
  venueOf: ({ account }) => account.venue,
};

/** An event with what it is booked to. */
export interface BookedEvent<F extends ReportedEvent, L = LockedAccount> {
  readonly event: F;
  readonly locked: L;
}

/** An event that was recorded before, at a venue. */
export interface KnownEvent {
  readonly venue: string;
  readonly id: string;
  readonly content: string;
}

/** What is special to one kind of event, for one group of batches in one try of its transaction. */
export interface ReportedEventKind<F extends ReportedEvent, L = LockedAccount> {
  /** In words: "fill". */
  readonly name: string;
  /** Names in the input, of the list and of the event's id: "fills", "fillId". Without a list the input is the event. */
  readonly list: string | null;
  readonly idField: string;
  idOf(event: F): string;
  /** All that identifies the event's content, in one string. */
  contentOf(event: F, locked: L): string;
  /** Why the event is invalid, whatever its accounts hold. */
  problemOf(event: F, locked: L): Refusal | null;
  /** Posts the event's effects on all of its accounts, or refuses it and posts none. */
  post(event: F, locked: L): Refusal | null;
  /** What is to be said of an event that was posted; left out: nothing ever. */
  warningsOf?(event: F): readonly Refusal[];
  readKnown(tx: Transaction, venues: readonly string[], ids: readonly string[]): Promise<KnownEvent[]>;
  /** Leaves out those that are recorded already, and returns how many it has recorded. */
  insert(tx: Transaction, taken: readonly BookedEvent<F, L>[]): Promise<number>;
}
