import type { CommandedAccount } from '../../ledger/owner-commands.js';
import { alertPause } from '../../risk/alerts/alert-rate.js';
import type { Context } from '../execution/context.js';
import { ApiError } from '../types/api-error.js';

/** Call before an account is changed in a way that can make alerts. What the venue's own systems change is not bounded. */
export async function requireFewAlerts({ accountId, owner }: CommandedAccount, context: Context): Promise<void> {
  if (owner === null) return;
  const { db, limits, now } = context;
  const retryAfter = await alertPause(db, { accountId, owner }, limits.alertsPerHour, now);
  if (retryAfter === null) return;
  const message =
    `This account has had ${limits.alertsPerHour} alerts within an hour. Until some are older, what can make more is refused; ` +
    `margin can be added at any time. Try again in ${retryAfter} seconds.`;
  throw new ApiError('RATE_LIMITED', message, undefined, { extensions: { retryAfter } });
}
