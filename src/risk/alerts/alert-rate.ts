/**
 * How fast a trader may make alerts by changes of an own account. Alerts themselves are never held back: the changes that
 * can make them are, but for those that add margin.
 */
import type { Database } from '../../platform/database/database.js';
import { isUuid } from '../../platform/ids.js';
import type { OwnAccount } from '../../ledger/owner-commands.js';

const WITHIN_MS = 3_600_000;

/**
 * Seconds until the owner may change the account again; null: now.
 *
 * @param most alerts of the account within an hour, whatever made them
 */
export async function alertPause(
  db: Database,
  { accountId, owner }: OwnAccount,
  most: number,
  now: Date,
): Promise<number | null> {
  if (!isUuid(accountId)) return null;
  const [oldest] = await db.$queryRaw<{ at: Date }[]>`
    SELECT alert.at FROM accounts CROSS JOIN LATERAL (
      SELECT at FROM risk_alerts WHERE account_id = accounts.id ORDER BY seq DESC OFFSET ${most - 1} LIMIT 1
    ) AS alert
    WHERE accounts.id = ${accountId}::uuid AND owner = ${owner}`;
  if (oldest === undefined) return null;
  const leftMs = oldest.at.getTime() + WITHIN_MS - now.getTime();
  return leftMs > 0 ? Math.ceil(leftMs / 1_000) : null;
}
