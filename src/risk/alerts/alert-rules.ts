/** Margin ratios at which traders want to be alerted. */
import { decimal, toPlain, type Decimal } from '../../margin/decimal.js';
import { refuse } from '../../margin/refusal.js';
import { transact, type Database, type Transaction } from '../../platform/database/database.js';
import { isUuid, uuidv7 } from '../../platform/ids.js';
import { addToOutbox } from '../../platform/outbox.js';
import { accountNotFound, inOwnLane, lookAgain, type LedgerParts } from '../../ledger/ledger-checks.js';
import { lockRows } from '../../ledger/account-rows.js';
import type { OwnAccount } from '../../ledger/owner-commands.js';
import { defaultRearmBelow } from './alert-machine.js';
import type { Refusal } from './refusal.js';

export interface AlertRuleRecord {
  readonly id: string;
  readonly accountId: string;
  /** Fires when the margin ratio reaches this. */
  readonly marginRatio: Decimal;
  /** Rearms only when the margin ratio has fallen below this. */
  readonly rearmBelow: Decimal;
}

type RuleParts = Pick<LedgerParts, 'db' | 'bus' | 'lanes'>;

/** Rules of one account. */
export const MAX_RULES = 20;
/** Liquidation is at 1 at most, but a trader may want alerts far beyond. */
export const MAX_RULE_RATIO: Decimal = decimal(1_000);

/**
 * Adds a rule. A rule with equal ratios is returned as it is, so that a request may be repeated. Without `rearmBelow`:
 * 0.95 of the ratio, to the nearest at 18 digits, ties to the even digit (rules: 13).
 */
export async function setAlertRule(
  parts: RuleParts,
  own: OwnAccount & { readonly marginRatio: Decimal; readonly rearmBelow: Decimal | null },
  now: Date,
): Promise<{ readonly ruleId: string | null; readonly refusal: Refusal | null }> {
  const { db, bus } = parts;
  const { accountId, owner, marginRatio } = own;
  const rearmBelow = own.rearmBelow ?? defaultRearmBelow(marginRatio);
  const problem = problemOfRatios(marginRatio, rearmBelow);
  if (problem !== null) return { ruleId: null, refusal: problem };
  const add = async (tx: Transaction): Promise<AddedRule> => {
    // Locked, lest concurrent requests exceed the maximum together.
    if (!isUuid(accountId) || (await lockRows(tx, [accountId], owner)).length === 0)
      return refused(accountNotFound(['accountId']));
    const rules = await readAlertRulesOf(tx, [accountId]);
    const same = rules.find((rule) => rule.marginRatio.eq(marginRatio) && rule.rearmBelow.eq(rearmBelow));
    if (same !== undefined) return { ruleId: same.id, refusal: null, isNew: false };
    if (rules.length >= MAX_RULES) {
      const message = `An account has at most ${MAX_RULES} alert rules: remove one before you add another.`;
      return refused(refuse('LIMIT_EXCEEDED', message, ['accountId']));
    }
    const id = uuidv7();
    await tx.alertRule.create({
      data: { id, accountId, marginRatio: toPlain(marginRatio), rearmBelow: toPlain(rearmBelow) },
    });
    // The leader then evaluates the account: a rule whose ratio is already reached fires at once.
    await addToOutbox(tx, [{ accountId, kind: 'CHANGED' }], now);
    return { ruleId: id, refusal: null, isNew: true };
  };
  const { ruleId, refusal, isNew } = await inOwnLane(parts, own, (wait) =>
    transact(db, add, wait).catch(lookAgain(bus, [own])),
  );
  if (isNew) bus.emit('accounts', { ids: [accountId], cause: 'ACCOUNT' });
  return { ruleId, refusal };
}

/** Removes a rule of the owner; alerts that it fired stay, without the rule. */
export async function removeAlertRule(
  parts: RuleParts,
  { ruleId, owner }: { readonly ruleId: string; readonly owner: string },
  now: Date,
): Promise<Refusal | null> {
  const { db, bus } = parts;
  const [rule] = isUuid(ruleId) ? await readAlertRules(db, [ruleId]) : [];
  if (rule === undefined) return noSuchRule();
  const { accountId } = rule;
  const remove = async (tx: Transaction): Promise<boolean> => {
    const removed = await tx.alertRule.deleteMany({ where: { id: ruleId, account: { owner } } });
    if (removed.count > 0) await addToOutbox(tx, [{ accountId, kind: 'CHANGED' }], now);
    return removed.count > 0;
  };
  const isRemoved = await inOwnLane(parts, { accountId, owner }, (wait) =>
    transact(db, remove, wait).catch(lookAgain(bus, [rule])),
  );
  if (!isRemoved) return noSuchRule();
  bus.emit('accounts', { ids: [accountId], cause: 'ACCOUNT' });
  return null;
}

/** The rules of the accounts, lowest ratio first. */
export async function readAlertRulesOf(
  db: Database | Transaction,
  accountIds: readonly string[],
): Promise<AlertRuleRecord[]> {
  const rows = await db.alertRule.findMany({
    where: { accountId: { in: [...accountIds] } },
    orderBy: [{ marginRatio: 'asc' }, { rearmBelow: 'asc' }, { id: 'asc' }],
  });
  return rows.map(ruleRecord);
}

export async function readAlertRules(db: Database, ids: readonly string[]): Promise<AlertRuleRecord[]> {
  return (await db.alertRule.findMany({ where: { id: { in: [...ids] } } })).map(ruleRecord);
}

function problemOfRatios(marginRatio: Decimal, rearmBelow: Decimal): Refusal | null {
  if (!marginRatio.gt(0) || marginRatio.gt(MAX_RULE_RATIO)) {
    const message = `Expected a ratio above 0, of at most ${toPlain(MAX_RULE_RATIO)}; got ${toPlain(marginRatio)}.`;
    return refuse('INVALID_INPUT', message, ['marginRatio']);
  }
  if (rearmBelow.gt(0) && rearmBelow.lte(marginRatio)) return null;
  const message = `Expected a ratio above 0, of at most \`marginRatio\`, ${toPlain(marginRatio)}; got ${toPlain(rearmBelow)}.`;
  return refuse('INVALID_INPUT', message, ['rearmBelow']);
}

interface AddedRule {
  readonly ruleId: string | null;
  readonly refusal: Refusal | null;
  readonly isNew: boolean;
}

function refused(refusal: Refusal): AddedRule {
  return { ruleId: null, refusal, isNew: false };
}

function noSuchRule(): Refusal {
  return refuse('ALERT_RULE_NOT_FOUND', 'There is no such alert rule.', ['id']);
}

interface RuleRow extends Pick<AlertRuleRecord, 'id' | 'accountId'> {
  readonly marginRatio: { toFixed(): string };
  readonly rearmBelow: { toFixed(): string };
}

function ruleRecord({ id, accountId, marginRatio, rearmBelow }: RuleRow): AlertRuleRecord {
  return { id, accountId, marginRatio: decimal(marginRatio.toFixed()), rearmBelow: decimal(rearmBelow.toFixed()) };
}
