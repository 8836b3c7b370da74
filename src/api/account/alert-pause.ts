import type { OwnAccount } from '../../ledger/owner-commands.js';
import { alertPause } from '../../risk/alerts/alert-rate.js';
import type { Context } from '../execution/context.js';
import { ApiError } from '../types/api-error.js';

/** Call before a trader changes an own account in a way that can make alerts. */
export async function requireFewAlerts(own: OwnAccount, { db, limits, now }: Context): Promise<void> {
  const retryAfter = await alertPause(db, own, limits.alertsPerHour, now);
  if (retryAfter === null) return;
  const message =
    `This account has had ${limits.alertsPerHour} alerts within an hour. Until some are older, what can make more is refused; ` +
    `margin can be added at any time. Try again in ${retryAfter} seconds.`;
  throw new ApiError('RATE_LIMITED', message, undefined, { extensions: { retryAfter } });
}
