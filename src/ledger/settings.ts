/** Leverage and modes of an account, as its trader sets them (rules: 6 and 7). */
import { checkLeverage } from '../margin/change/leverage.js';
import { allowsIsolated, checkCollateralMode, checkMarginMode, checkPositionMode } from '../margin/change/modes.js';
import type { Decimal } from '../margin/decimal.js';
import type { CollateralMode, MarginMode, PositionMode } from '../margin/model.js';
import { within } from '../margin/refusal.js';
import { isUuid } from '../platform/ids.js';
import { instrumentNotFound, type LedgerParts, type Refusal } from './ledger-checks.js';
import type { LockedAccount } from './locked-accounts.js';
import { bookAutoExchange } from './auto-exchange.js';
import { bookInterest, markInterest } from './interest.js';
import { rulesOf } from './margin-state.js';
import { changeOwnAccount, type OwnAccount } from './owner-commands.js';
import { CapRoom, cappedRatios, lockCaps } from './platform-caps.js';
import { readAccounts, settingOf } from './records.js';

export function setLeverage(
  parts: LedgerParts,
  own: OwnAccount & { readonly instrument: string; readonly leverage: Decimal },
  now: Date,
): Promise<readonly Refusal[]> {
  return changeOwnAccount(parts, own, now, (locked) => {
    const { market, policy } = rulesOf(locked.account, parts, now);
    const instrument = parts.rulebook.instrument(locked.account.venue, own.instrument);
    const rules = policy.instruments.get(own.instrument);
    if (instrument === null || rules === undefined) return instrumentNotFound(['instrument']);
    const refusal = checkLeverage(rules, own.leverage, locked.state(parts.rulebook), market, policy);
    if (refusal !== null) return within(['leverage'], refusal);
    const setting = settingOf(locked, instrument);
    if (!setting.leverage.eq(own.leverage)) locked.setSetting(own.instrument, { ...setting, leverage: own.leverage });
    return null;
  });
}

export function setMarginMode(
  parts: LedgerParts,
  own: OwnAccount & { readonly instrument: string; readonly marginMode: MarginMode },
  now: Date,
): Promise<readonly Refusal[]> {
  return changeOwnAccount(parts, own, now, (locked) => {
    const instrument = parts.rulebook.instrument(locked.account.venue, own.instrument);
    if (instrument === null) return instrumentNotFound(['instrument']);
    const setting = settingOf(locked, instrument);
    // A repeated request finds its own effect. A position opened since must not turn it into a refusal.
    if (setting.marginMode === own.marginMode) return null;
    const { policy } = rulesOf(locked.account, parts, now);
    const refusal = checkMarginMode(own.instrument, own.marginMode, locked.state(parts.rulebook), policy);
    if (refusal !== null) return within(['marginMode'], refusal);
    locked.setSetting(own.instrument, { ...setting, marginMode: own.marginMode });
    return null;
  });
}

export function setPositionMode(
  parts: LedgerParts,
  own: OwnAccount & { readonly positionMode: PositionMode },
  now: Date,
): Promise<readonly Refusal[]> {
  return changeOwnAccount(parts, own, now, (locked) => {
    if (locked.account.positionMode === own.positionMode) return null;
    const refusal = checkPositionMode(locked.state(parts.rulebook));
    if (refusal !== null) return within(['positionMode'], refusal);
    locked.setModes({ positionMode: own.positionMode });
    return null;
  });
}

/**
 * Interest due is charged before the mode changes, since the mode decides which hours cost interest. After the change,
 * debts past their thresholds are exchanged.
 */
export async function setCollateralMode(
  parts: LedgerParts,
  own: OwnAccount & { readonly collateralMode: CollateralMode },
  now: Date,
): Promise<readonly Refusal[]> {
  const { db, rulebook } = parts;
  const { accountId, collateralMode } = own;
  // Venue and chain never change, so they can be read before the locks.
  const [record] = isUuid(accountId) ? await readAccounts(db, [accountId]) : [];
  const entersCaps = collateralMode === 'MULTI_ASSET' && record?.owner === own.owner;
  const capped = entersCaps
    ? cappedRatios(rulebook, now, { venue: record.venue }).filter(({ chain }) => chain === record.chain)
    : [];
  return changeOwnAccount(
    parts,
    own,
    now,
    async (locked, tx) => {
      if (locked.account.collateralMode === collateralMode) return null;
      const through = await bookInterest(tx, [locked], parts, now);
      const { market, policy } = rulesOf(locked.account, parts, now);
      const refusal =
        checkCollateralMode(collateralMode, locked.state(rulebook), market, policy) ??
        (await CapRoom.read(tx, capped)).checkMode(locked, collateralMode, rulebook);
      if (refusal !== null) return within(['collateralMode'], refusal);
      locked.setModes({ collateralMode });
      if (!allowsIsolated(collateralMode, policy)) resetToCross(locked);
      bookAutoExchange(locked, `collateralMode:${collateralMode}`, parts, now);
      await markInterest(tx, [locked], through);
      return null;
    },
    (tx) => lockCaps(tx, capped),
  );
}

/** Removes isolated margin mode where the new mode has none: from settings without a position (rules: 6). */
function resetToCross(locked: LockedAccount): void {
  for (const [instrument, setting] of locked.settings) {
    if (setting.marginMode === 'ISOLATED') locked.setSetting(instrument, { ...setting, marginMode: 'CROSS' });
  }
}
