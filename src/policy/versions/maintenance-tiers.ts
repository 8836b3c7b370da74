/** The maintenance tiers of an instrument, as a rule that admins change (rules: 4). */
import { maintenanceAmounts } from '../../margin/curve.js';
import { ZERO, toPlain, type Decimal } from '../../margin/decimal.js';
import type { InstrumentRules, MaintenanceMethod, MaintenanceTier, Policy } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from './refusal.js';
import { insertMaintenanceVersion, readMaintenanceVersions } from './policy-store.js';
import { MAINTENANCE_TIERS, instrumentKey, type MaintenanceVersion } from './policy-version.js';
import { invalid, problemOfVenueCode } from './problems.js';
import { outOfHalfOrDouble } from './versioned-rule.js';
import type { InstrumentRecord } from './rule-records.js';
import { fromThenOn, type VersionRecord } from './rule-version.js';
import { maintenanceTierProblems, problemOfFallingRates, type MaintenanceTierDraft } from './tiers.js';
import type { Breach, KnownRules, VersionedRule } from './versioned-rule.js';

export interface TiersDraft {
  /** Null: the symbol alone says which one it is. */
  readonly venue: string | null;
  readonly instrument: string;
  readonly tiers: readonly MaintenanceTierDraft[];
}

export const maintenanceTiers: VersionedRule<MaintenanceVersion, TiersDraft> = {
  kind: MAINTENANCE_TIERS,
  table: 'maintenance_schedules',
  lockPrefix: 'maintenance:',
  notFound: 'RULE_NOT_FOUND',
  guardsLiquidation: true,
  holdsBeforeFirst: true,

  keyOf: ({ venue, instrument }) => instrumentKey(venue, instrument),
  chainOf: () => undefined,
  isKnown: ({ venue, instrument }, known) => known.instrument(venue, instrument) !== null,

  read: readMaintenanceVersions,
  insert: insertMaintenanceVersion,

  about: (draft, known) => {
    const found = namedInstrument(draft, known);
    if (!('refusals' in found)) {
      const { venue, symbol } = found.instrument;
      return { subject: subjectOf(venue, symbol), subjectKey: instrumentKey(venue, symbol) };
    }
    const { venue, instrument } = draft;
    return { subject: null, subjectKey: venue === null ? instrument : instrumentKey(venue, instrument) };
  },
  check: (draft, known) => {
    const found = namedInstrument(draft, known);
    if ('refusals' in found) return found;
    const { venue, symbol } = found.instrument;
    const refusals = problemsOfTiers(draft.tiers, found.instrument);
    return refusals.length > 0 ? { refusals } : { venue, key: instrumentKey(venue, symbol) };
  },
  next: (draft, _followed, head, known) => {
    const refusal = problemOfRates(draft.tiers, head, known);
    if (refusal !== null) return { refusal };
    const method = known.policyVersion(head.venue, head.effectiveFrom).maintenanceMethod;
    const amounts = maintenanceAmounts(method, draft.tiers);
    const tiers = draft.tiers.map((tier, index) => ({
      ...{ ...tier, tier: index + 1, maintenanceAmount: amounts[index] ?? ZERO },
    }));
    return { ...head, instrument: draft.instrument, tiers };
  },

  subjectOf: ({ venue, instrument }) => subjectOf(venue, instrument),
  facts: ({ version, effectiveFrom, tiers }) => ({ version, effectiveFrom, tiers }),

  isStricter: (followed, next) =>
    followed !== null &&
    tiersThatMeet(followed.tiers, next.tiers).some(
      ({ before, after }) =>
        after.maintenanceRate.gt(before.maintenanceRate) || after.maxLeverage.lt(before.maxLeverage),
    ),
  breaches: (followed, next) => (followed === null ? [] : rateSteps(followed.tiers, next.tiers)),
};

/** @param holding those of the instruments' venue; of one instrument the last counts */
export function instrumentsOfPolicy(
  instruments: readonly InstrumentRecord[],
  holding: readonly MaintenanceVersion[],
  method: MaintenanceMethod,
): Policy['instruments'] {
  const versions = new Map(holding.map((version) => [version.instrument, version]));
  return new Map(
    instruments.map((record): [string, InstrumentRules] => [
      record.symbol,
      { ...record, tiers: tiersUnder(method, versions.get(record.symbol) ?? null) },
    ]),
  );
}

/** The tiers with the amounts of this method. A policy may change the method and keep the tiers. */
export function tiersUnder(method: MaintenanceMethod, version: MaintenanceVersion | null): readonly MaintenanceTier[] {
  const tiers = version?.tiers ?? [];
  const amounts = maintenanceAmounts(method, tiers);
  return tiers.map((tier, index) => ({ ...tier, maintenanceAmount: amounts[index] ?? tier.maintenanceAmount }));
}

function subjectOf(venue: string, symbol: string): string {
  return `Instrument:${venue}:${symbol}`;
}

/** A symbol is unique within its venue only. */
function namedInstrument(
  { venue, instrument: symbol }: TiersDraft,
  known: KnownRules,
): { readonly instrument: InstrumentRecord } | { readonly refusals: readonly Refusal[] } {
  const unknownVenue = venue === null ? [] : problemOfVenueCode(known, venue);
  if (unknownVenue.length > 0) return { refusals: unknownVenue };
  const places = venue === null ? [...known.venues.keys()] : [venue];
  const found = places.map((code) => known.instrument(code, symbol)).filter((each) => each !== null);
  const [first] = found;
  const field = ['instrument'];
  if (first === undefined) {
    const where = venue === null ? '' : ` at ${venue}`;
    return { refusals: [refuse('INSTRUMENT_NOT_FOUND', `There is no such instrument${where}.`, field)] };
  }
  if (found.length === 1) return { instrument: first };
  const venues = found.map((each) => each.venue).join(', ');
  const message = `${first.symbol} is listed by ${venues}: name the \`venue\`, or send the id of the instrument.`;
  return { refusals: [invalid(message, field)] };
}

function problemsOfTiers(tiers: readonly MaintenanceTierDraft[], { symbol, maxLeverage }: InstrumentRecord): Refusal[] {
  const place = ['tiers'];
  const problems: Refusal[] = maintenanceTierProblems(tiers).map(({ code, message, tier, field }) =>
    refuse(code, message, [...place, ...[tier, field].filter((part) => part !== null).map(String)]),
  );
  // A list that is too long gets no further check.
  if (problems.some(({ field }) => field?.length === place.length)) return problems;
  tiers.forEach((tier, index) => {
    if (tier.maxLeverage.lte(maxLeverage)) return;
    const message = `The maximum leverage of tier ${index + 1} must be at most ${toPlain(maxLeverage)}, that of ${symbol}, and is ${toPlain(tier.maxLeverage)}.`;
    problems.push(refuse('TIERS_INVALID', message, [...place, String(index), 'maxLeverage']));
  });
  return problems;
}

/** Under the policy of now, and under those that are scheduled. */
function problemOfRates(
  tiers: readonly MaintenanceTierDraft[],
  { venue, createdAt }: VersionRecord,
  known: KnownRules,
): Refusal | null {
  for (const policy of fromThenOn(known.policyVersions(venue), createdAt)) {
    const problem = problemOfFallingRates(tiers, policy);
    if (problem === null) continue;
    return refuse('TIERS_INVALID', problem.message, ['tiers', String(problem.tier), 'maintenanceRate']);
  }
  return null;
}

interface Meeting {
  readonly floor: Decimal;
  readonly before: MaintenanceTier;
  readonly after: MaintenanceTier;
}

/** Pairs of the old and the new tier at each notional. Above its last cap the last tier continues. */
function tiersThatMeet(before: readonly MaintenanceTier[], after: readonly MaintenanceTier[]): Meeting[] {
  return [...before, ...after].flatMap(({ floor }) => {
    const [old, next] = [before, after].map((tiers) => tiers.findLast((tier) => tier.floor.lte(floor)));
    return old === undefined || next === undefined ? [] : [{ floor, before: old, after: next }];
  });
}

/** Reports one breach at most. The floors of the old tiers are checked first, from the lowest. */
function rateSteps(before: readonly MaintenanceTier[], after: readonly MaintenanceTier[]): Breach[] {
  return tiersThatMeet(before, after)
    .flatMap((meeting) => {
      const name = `the maintenance rate of a notional of ${toPlain(meeting.floor)}`;
      return outOfHalfOrDouble(name, 'tiers', meeting.before.maintenanceRate, meeting.after.maintenanceRate);
    })
    .slice(0, 1);
}
