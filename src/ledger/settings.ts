/** Leverage, modes and switches of an account, as its trader or the venue's engine sets them (rules: 6, 7 and 23). */
import { checkCollateralAsset, switchedOffAfter } from '../margin/change/collateral-switch.js';
import { checkLeverage } from '../margin/change/leverage.js';
import { allowsIsolated, checkCollateralMode, checkMarginMode, checkPositionMode } from '../margin/change/modes.js';
import type { Decimal } from '../margin/decimal.js';
import type { CollateralMode, MarginMode, PositionMode } from '../margin/model.js';
import { within } from '../margin/refusal.js';
import { instrumentNotFound, type LedgerParts, type Refusal } from './ledger-checks.js';
import type { LockedAccount } from './locked-accounts.js';
import { bookInterest, markInterest } from './interest.js';
import { bookAutoExchange } from './auto-exchange.js';
import { rulesOf } from './margin-state.js';
import { commandAccount, type CommandedAccount } from './owner-commands.js';
import { CapRoom, cappedRatios } from './platform-caps.js';
import { settingOf } from './records.js';

export function setLeverage(
  parts: LedgerParts,
  own: CommandedAccount & { readonly instrument: string; readonly leverage: Decimal },
  now: Date,
): Promise<readonly Refusal[]> {
  return commandAccount(parts, own, now, (locked) => {
    const { market, policy } = rulesOf(locked.account, parts, now);
    const instrument = parts.rulebook.instrument(locked.account.venue, own.instrument);
    const rules = policy.instruments.get(own.instrument);
    if (instrument === null || rules === undefined) return instrumentNotFound(['instrument']);
    const setting = settingOf(locked, instrument);
    const state = locked.state(parts.rulebook);
    const refusal = checkLeverage(rules, own.leverage, setting.leverage, state, market, policy);
    if (refusal !== null) return within(['leverage'], refusal);
    if (!setting.leverage.eq(own.leverage)) locked.setSetting(own.instrument, { ...setting, leverage: own.leverage });
    return null;
  });
}

export function setMarginMode(
  parts: LedgerParts,
  own: CommandedAccount & { readonly instrument: string; readonly marginMode: MarginMode },
  now: Date,
): Promise<readonly Refusal[]> {
  return commandAccount(parts, own, now, (locked) => {
    const instrument = parts.rulebook.instrument(locked.account.venue, own.instrument);
    if (instrument === null) return instrumentNotFound(['instrument']);
    const setting = settingOf(locked, instrument);
    const { policy } = rulesOf(locked.account, parts, now);
    const state = locked.state(parts.rulebook);
    const refusal = checkMarginMode(own.instrument, own.marginMode, setting.marginMode, state, policy);
    if (refusal !== null) return within(['marginMode'], refusal);
    if (setting.marginMode === own.marginMode) return null;
    locked.setSetting(own.instrument, { ...setting, marginMode: own.marginMode });
    return null;
  });
}

export function setPositionMode(
  parts: LedgerParts,
  own: CommandedAccount & { readonly positionMode: PositionMode },
  now: Date,
): Promise<readonly Refusal[]> {
  return commandAccount(parts, own, now, (locked) => {
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
export function setCollateralMode(
  parts: LedgerParts,
  own: CommandedAccount & { readonly collateralMode: CollateralMode },
  now: Date,
): Promise<readonly Refusal[]> {
  const { rulebook } = parts;
  const { collateralMode } = own;
  return commandAccount(parts, own, now, async (locked, tx) => {
    const { venue, chain, collateralMode: former } = locked.account;
    if (former === collateralMode) return null;
    const capped =
      collateralMode === 'MULTI_ASSET'
        ? cappedRatios(rulebook, now, { venue }).filter((ratio) => ratio.chain === chain)
        : [];
    const through = await bookInterest(tx, [locked], parts, now);
    const { market, policy } = rulesOf(locked.account, parts, now);
    const refusal =
      checkCollateralMode(collateralMode, locked.state(rulebook), market, policy) ??
      (await CapRoom.lock(tx, capped)).checkChoice(locked, { collateralMode }, rulebook);
    if (refusal !== null) return within(['collateralMode'], refusal);
    locked.setModes({ collateralMode });
    if (!allowsIsolated(collateralMode, policy)) resetToCross(locked);
    bookAutoExchange(locked, { reference: `collateralMode:${collateralMode}` }, parts, now);
    await markInterest(tx, [locked], through);
    return null;
  });
}

/**
 * Takes an asset out of the collateral of an account, or puts it back in (rules: 23). After the change, debts past their
 * thresholds are exchanged.
 */
export function setCollateralAsset(
  parts: LedgerParts,
  own: CommandedAccount & { readonly asset: string; readonly counts: boolean },
  now: Date,
): Promise<readonly Refusal[]> {
  const { rulebook } = parts;
  const { asset, counts } = own;
  return commandAccount(parts, own, now, async (locked, tx) => {
    const { venue, chain, switchedOff: former } = locked.account;
    const { market, policy } = rulesOf(locked.account, parts, now);
    const refusal = checkCollateralAsset(asset, counts, locked.state(rulebook), market, policy);
    if (refusal !== null) return within(['asset'], refusal);
    const switchedOff = switchedOffAfter(former, asset, counts);
    if (switchedOff.length === former.length) return null;
    const capped = counts ? cappedRatios(rulebook, now, { venue, asset }).filter((ratio) => ratio.chain === chain) : [];
    const reached = (await CapRoom.lock(tx, capped)).checkChoice(locked, { switchedOff }, rulebook);
    if (reached !== null) return within(['asset'], reached);
    locked.setSwitchedOff(switchedOff);
    bookAutoExchange(locked, { reference: `collateralAsset:${asset}` }, parts, now);
    return null;
  });
}

/** Removes isolated margin mode where the new mode has none: from settings without a position (rules: 6). */
function resetToCross(locked: LockedAccount): void {
  for (const [instrument, setting] of locked.settings) {
    if (setting.marginMode === 'ISOLATED') locked.setSetting(instrument, { ...setting, marginMode: 'CROSS' });
  }
}
