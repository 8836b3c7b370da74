/**
 * What the resting orders of accounts would buy and sell, as the venue's engine reports it (rules: 20). A report replaces
 * the one before it. Reports may arrive in any order: one whose sequence is not above the last is ignored.
 */
import type { PositionMode } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import { uuidv7 } from '../../platform/ids.js';
import { instrumentNotFound, type BatchResult, type Refusal, type ReportingParts } from '../ledger-checks.js';
import { ordersOutdated, problemOfOrders, takeOrders, type OrdersPlace, type ReportedOrders } from '../open-orders.js';
import { ONE_ACCOUNT, type ReportedEventKind } from './event-kind.js';
import { ReportedEvents } from './events.js';

export interface NewOpenOrders extends ReportedOrders, OrdersPlace {
  readonly accountId: string;
}

/** A report on its way. Each is an event of its own: what makes it known is the sequence, not an id. */
interface Report extends NewOpenOrders {
  readonly id: string;
  readonly at: Date;
}

const REPORTS = new ReportedEvents<Report>(ONE_ACCOUNT, (parts) => reportKind(parts));

/** Takes each report whose sequence is new, in the order of the list. Each of the others is a warning, and changes nothing. */
export async function reportOpenOrders(
  parts: ReportingParts,
  list: readonly NewOpenOrders[],
  now: Date,
): Promise<BatchResult> {
  const events = list.map((each): Report => ({ ...each, id: uuidv7(), at: now }));
  const result = await REPORTS.record(parts, events, now);
  return { ...result, recorded: result.recorded - result.warnings.length };
}

function reportKind({ rulebook }: ReportingParts): ReportedEventKind<Report> {
  const outdated = new Set<Report>();
  return {
    ...{ name: 'report', list: 'orders', idField: 'sequence' },
    idOf: ({ id }) => id,
    contentOf: () => '',
    problemOf: (report, { account }) => {
      if (rulebook.instrument(account.venue, report.instrument) === null) return instrumentNotFound(['instrument']);
      return problemOfOrders(report) ?? problemOfSide(report, account.positionMode);
    },
    post: (report, locked) => {
      if (!takeOrders(locked, report, report)) outdated.add(report);
      return null;
    },
    warningsOf: (report) => (outdated.has(report) ? [ordersOutdated(['sequence'])] : []),
    // Nothing is stored of a report itself, so that none is known.
    readKnown: async () => [],
    insert: async (_tx, taken) => taken.length,
  };
}

function problemOfSide({ positionSide }: OrdersPlace, mode: PositionMode): Refusal | null {
  if (mode === 'ONE_WAY' || positionSide !== null) return null;
  return refuse('INVALID_INPUT', 'In hedge mode a report names its position side.', ['positionSide']);
}
