/** Alerts as the leader stores them, without the prices and positions that lead to them. */
import { randomUUID } from 'node:crypto';

import type { Database } from '../../../src/platform/database/database.js';

export interface AlertChoice {
  readonly kind?: string;
  readonly instrument?: string;
  readonly side?: 'LONG' | 'SHORT';
  readonly status?: string;
  readonly previousStatus?: string;
  readonly marginRatio?: string | null;
  readonly marginBalance?: string;
  readonly maintenanceMargin?: string;
  readonly ruleId?: string;
  readonly ratioId?: string;
  readonly effectiveAt?: string;
  readonly entries?: readonly string[];
}

/**
 * One alert for each account id, numbered in that order; returns the number of the last one. It takes over leadership,
 * as another process would: a leader of this process has to begin anew.
 */
export async function storeAlerts(
  db: Database,
  accountIds: readonly string[],
  choice: AlertChoice = {},
): Promise<bigint> {
  const status = choice.status ?? 'WARNING';
  const previous = choice.previousStatus ?? null;
  const ratio = choice.marginRatio === undefined ? '0.5' : choice.marginRatio;
  return db.$transaction(async (tx) => {
    const [leadership] = await tx.$queryRaw<{ last: bigint }[]>`
      UPDATE duty SET term = term + 1, last_alert = last_alert + ${accountIds.length}::int WHERE id = 1
      RETURNING last_alert AS last`;
    if (leadership === undefined) throw new Error('There is no row of the duty.');
    await tx.$executeRaw`
      INSERT INTO risk_alerts (seq, account_id, kind, instrument, side, status, previous_status, margin_ratio,
        margin_balance, maintenance_margin, rule_id, ratio_id, effective_at, entries, at)
      SELECT ${leadership.last} - ${accountIds.length}::int + place, account_id::uuid,
        ${choice.kind ?? 'STATUS_CHANGED'}::text::"RiskAlertKind", ${choice.instrument ?? null}::text,
        ${choice.side ?? null}::text::"PositionSide", ${status}::text::"MarginStatus",
        ${previous}::text::"MarginStatus", ${ratio}::text::numeric, ${choice.marginBalance ?? '100'}::text::numeric,
        ${choice.maintenanceMargin ?? '50'}::text::numeric, ${choice.ruleId ?? null}::text::uuid,
        ${choice.ratioId ?? null}::text::uuid, ${choice.effectiveAt ?? null}::text::timestamptz,
        ${[...(choice.entries ?? [])]}::text[]::bigint[], clock_timestamp()
      FROM unnest(${[...accountIds]}::text[]) WITH ORDINALITY AS alert(account_id, place)`;
    return leadership.last;
  });
}

/** An account that holds nothing, without the API; answers its id in the database. */
export async function storeAccount(db: Database, owner: string): Promise<string> {
  const id = randomUUID();
  await db.account.create({
    data: {
      ...{ id, owner, name: 'Test', venueCode: 'BITGET', collateralMode: 'MULTI_ASSET', positionMode: 'ONE_WAY' },
      openedAt: new Date(),
    },
  });
  return id;
}
