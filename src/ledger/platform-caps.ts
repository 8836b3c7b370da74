/**
 * Platform-wide caps (rules: 8; source: 003): what all multi-asset accounts together may hold of an asset as
 * collateral. A transaction that raises the sum locks the ratio while it adds up. So of two deposits racing for the
 * last coins, in any process, the second finds what the first has left.
 *
 * The order of locks is the same everywhere: idempotency key, then accounts by id, then caps by ratio key. So a change that has
 * a cap waits for no account, and a locked account holds up no deposit to another one. Reported fills and entries lock no
 * cap, since they are never refused. Withdrawals lock none, since they only make room.
 */
import { withBalanceChanges } from '../margin/state/account.js';
import { ZERO, decimal, max, type Decimal } from '../margin/decimal.js';
import type { CollateralChoice } from '../margin/model.js';
import { countingOf } from '../margin/state/collateral.js';
import { checkPlatformCaps, platformUse } from '../margin/change/platform-cap.js';
import type { Refusal } from '../margin/refusal.js';
import type { Database, Transaction } from '../platform/database/database.js';
import { ratioKey, type RatioVersion } from '../policy/versions/ratio-version.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import type { LockedAccount } from './locked-accounts.js';

/** The ratios in force that have a cap, by key. */
export function cappedRatios(
  rulebook: Rulebook,
  at: Date,
  where: { readonly venue?: string; readonly asset?: string },
): RatioVersion[] {
  return rulebook.ratiosInForce(at, where).filter(({ platformCap }) => platformCap !== null);
}

/** Capped ratios that deposits can fill up. */
export function cappedByDeposits(
  deposits: readonly { readonly accountId: string; readonly asset: string }[],
  lockedAccounts: ReadonlyMap<string, LockedAccount>,
  rulebook: Rulebook,
  at: Date,
): RatioVersion[] {
  const keys = new Set(
    deposits.flatMap(({ accountId, asset }) => {
      const account = lockedAccounts.get(accountId)?.account;
      return account === undefined ? [] : [ratioKey(account.venue, account.chain, asset)];
    }),
  );
  const assets = [...new Set(deposits.map(({ asset }) => asset))];
  return assets.flatMap((asset) => cappedRatios(rulebook, at, { asset })).filter((ratio) => keys.has(ratio.ratioKey));
}

/** Coins of all multi-asset accounts that have not switched the asset off, as far as they count, in one statement. */
export async function platformUsed(
  db: Database | Transaction,
  versions: readonly RatioVersion[],
): Promise<Map<string, string>> {
  const asked = versions.map(({ id, venue, chain, asset, userCap }) => ({
    id,
    venue,
    chain,
    asset,
    cap: userCap?.toFixed() ?? null,
  }));
  const rows = await db.$queryRaw<{ id: string; used: string }[]>`
    SELECT ratio.id,
      COALESCE(SUM(LEAST(balances.quantity, ratio.cap)) FILTER (WHERE balances.quantity > 0), 0)::text AS used
    FROM jsonb_to_recordset(${JSON.stringify(asked)}::jsonb)
      AS ratio(id text, venue text, chain text, asset text, cap numeric)
    LEFT JOIN accounts ON accounts.venue_code = ratio.venue
      AND accounts.chain_code IS NOT DISTINCT FROM ratio.chain AND accounts.collateral_mode = 'MULTI_ASSET'
    LEFT JOIN balances ON balances.account_id = accounts.id
      AND balances.asset_symbol = ratio.asset AND balances.quantity > 0
      AND ratio.asset <> ALL (accounts.switched_off)
    GROUP BY ratio.id`;
  return new Map(rows.map((row) => [row.id, row.used]));
}

/** Held to the end of the transaction. */
async function lockCaps(tx: Transaction, ratios: readonly RatioVersion[]): Promise<void> {
  const keys = ratios.map((ratio) => ratio.ratioKey).sort();
  // One statement each: in a single one, the planner would choose the order of locking.
  for (const key of keys) await tx.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended(${key}, 0))::text`;
}

/** Room under the caps that this transaction has locked, kept up to date while it posts. */
export class CapRoom {
  /** By ratio key: coins still free. */
  private readonly left: Map<string, Decimal>;
  private readonly ratios: ReadonlyMap<string, RatioVersion>;

  private constructor(ratios: readonly RatioVersion[], used: ReadonlyMap<string, string>) {
    this.ratios = new Map(ratios.map((ratio) => [ratio.ratioKey, ratio]));
    this.left = new Map(
      ratios.map(({ id, ratioKey: key, platformCap }) => [
        key,
        (platformCap ?? ZERO).minus(decimal(used.get(id) ?? '0')),
      ]),
    );
  }

  /** Call when the accounts are locked. */
  static async lock(tx: Transaction, ratios: readonly RatioVersion[]): Promise<CapRoom> {
    await lockCaps(tx, ratios);
    return new CapRoom(ratios, ratios.length === 0 ? new Map() : await platformUsed(tx, ratios));
  }

  /**
   * Refuses a deposit beyond the cap; null: it fits.
   *
   * @param from the account from which it comes, and whose room it leaves
   */
  checkDeposit(
    locked: LockedAccount,
    asset: string,
    quantity: Decimal,
    rulebook: Rulebook,
    from: LockedAccount | null = null,
  ): Refusal | null {
    const found = this.find(locked, asset);
    if (found === null) return null;
    const source = from === null ? null : this.find(from, asset);
    const isSame = from !== null && source?.ratio.ratioKey === found.ratio.ratioKey;
    const freed = isSame ? moreInUse(from, found.ratio, quantity.negated()).negated() : ZERO;
    // Over a cap already, what is freed may still be taken up: the sum does not rise.
    const left = (isSame ? max(ZERO, found.left) : found.left).plus(freed);
    const before = locked.state(rulebook);
    const after = withBalanceChanges(before, [{ asset, quantity, kind: 'TRANSFER' }]);
    return checkPlatformCaps(before, after, new Map([[asset, found.ratio]]), new Map([[asset, left]]));
  }

  /** Accounts for a transfer, in or out, that is about to be posted. */
  use(locked: LockedAccount, asset: string, quantity: Decimal): void {
    const found = this.find(locked, asset);
    if (found !== null) this.left.set(found.ratio.ratioKey, found.left.minus(moreInUse(locked, found.ratio, quantity)));
  }

  /** Refuses another mode, or other switches, if the account's balances do not fit under the caps then; null: they fit. */
  checkChoice(locked: LockedAccount, choice: Partial<CollateralChoice>, rulebook: Rulebook): Refusal | null {
    const before = locked.state(rulebook);
    const own = [...before.balances].flatMap(({ asset }) => {
      const found = this.find(locked, asset);
      return found === null ? [] : [{ asset, ...found }];
    });
    return checkPlatformCaps(
      before,
      { ...before, ...choice },
      new Map(own.map(({ asset, ratio }) => [asset, ratio])),
      new Map(own.map(({ asset, left }) => [asset, left])),
    );
  }

  private find({ account }: LockedAccount, asset: string): { ratio: RatioVersion; left: Decimal } | null {
    const key = ratioKey(account.venue, account.chain, asset);
    const ratio = this.ratios.get(key);
    const left = this.left.get(key);
    return ratio === undefined || left === undefined ? null : { ratio, left };
  }
}

/** By how many coins more the account would use the cap after a transfer that is not posted; negative: fewer. */
function moreInUse({ account, balances }: LockedAccount, ratio: RatioVersion, quantity: Decimal): Decimal {
  if (countingOf(ratio.asset, account) !== 'MULTI_ASSET') return ZERO;
  const held = balances.get(ratio.asset) ?? ZERO;
  return platformUse(held.plus(quantity), ratio).minus(platformUse(held, ratio));
}
