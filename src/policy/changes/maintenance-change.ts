/** Changing the maintenance tiers of an instrument: a new version, never an edit (rules: 4). */
import { maintenanceAmounts } from '../../margin/curve.js';
import { ZERO, toPlain } from '../../margin/decimal.js';
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from '../versions/refusal.js';
import type { IdempotentRequest } from '../../platform/idempotency.js';
import { changeOnce, lockRules, type AdminParts } from './admin-change.js';
import { effectOf, problemOfVersion } from './effective.js';
import { insertMaintenanceVersion, readMaintenanceVersions } from '../versions/policy-store.js';
import { instrumentKey, type MaintenanceVersion } from '../versions/policy-version.js';
import { problemOfReason, problemOfVenueCode } from './problems.js';
import { latest } from '../versions/ratio-version.js';
import type { InstrumentRecord, Rulebook } from '../rulebook/rulebook.js';
import { maintenanceTierProblems, type MaintenanceTierDraft } from '../versions/tiers.js';

export interface MaintenanceChange {
  /** Null: the symbol alone says which one it is. */
  readonly venue: string | null;
  readonly instrument: string;
  readonly tiers: readonly MaintenanceTierDraft[];
  /** Null: at once. */
  readonly effectiveFrom: Date | null;
  readonly reason: string;
  /** The newest version that the admin saw. */
  readonly expectedVersion: number;
}

export interface ChangedMaintenance {
  readonly instrument: InstrumentRecord | null;
  readonly refusals: readonly Refusal[];
}

export async function changeMaintenanceTiers(
  parts: AdminParts,
  change: MaintenanceChange,
  request: IdempotentRequest,
  now: Date,
): Promise<ChangedMaintenance> {
  const { db, rulebook, bus } = parts;
  const { reason } = change;
  const named = namedInstrument(change, rulebook);
  const found = 'refusals' in named ? null : named.instrument;
  const subjectKey = found === null ? nameOf(change) : instrumentKey(found.venue, found.symbol);
  const subject = found === null ? null : `Instrument:${found.venue}:${found.symbol}`;
  let inserted: MaintenanceVersion | undefined;
  const outcome = await changeOnce(parts, request, { subject, subjectKey, reason }, now, async (tx) => {
    if ('refusals' in named) return named;
    const { venue, symbol } = named.instrument;
    const problems = [...problemsOfTiers(change.tiers, named.instrument), ...problemOfReason(reason)];
    if (problems.length > 0) return { refusals: problems };
    await lockRules(tx, `maintenance:${instrumentKey(venue, symbol)}`);
    const followed = latest(await readMaintenanceVersions(tx, { venue, symbol }));
    if (followed === null) throw new Error(`The instrument ${symbol} of ${venue} has no tiers.`);
    const conflict = problemOfVersion(change.expectedVersion, followed.version);
    if (conflict !== null) return { refusals: [conflict] };
    const effect = effectOf(change.effectiveFrom, followed, now);
    if ('refusal' in effect) return { refusals: [effect.refusal] };
    const method = rulebook.policyVersion(venue, effect.effectiveFrom).maintenanceMethod;
    const amounts = maintenanceAmounts(method, change.tiers);
    const tiers = change.tiers.map((tier, index) => ({
      ...{ ...tier, tier: index + 1, maintenanceAmount: amounts[index] ?? ZERO },
    }));
    const version = followed.version + 1;
    inserted = {
      ...effect,
      ...{ venue, instrument: symbol, version, tiers, reason, source: null, changedBy: request.viewer },
    };
    await insertMaintenanceVersion(tx, inserted);
    return { made: String(version), before: tierFacts(followed), after: tierFacts(inserted) };
  });
  if (outcome.made === null || found === null) return { instrument: null, refusals: outcome.refusals };
  const { venue, symbol } = found;
  // What was committed takes effect without another read, which could fail.
  const version =
    outcome.isNew && inserted !== undefined
      ? inserted
      : (await readMaintenanceVersions(db, { venue, symbol })).find((each) => String(each.version) === outcome.made);
  // Also when the key was sent before: the answer to the commit may have been lost on its way.
  if (version !== undefined && rulebook.addMaintenanceVersion(version)) bus.emit('policy', { venue });
  return { instrument: found, refusals: [] };
}

/** A symbol is unique within its venue only. */
function namedInstrument(
  { venue, instrument: symbol }: MaintenanceChange,
  rulebook: Rulebook,
): { readonly instrument: InstrumentRecord } | { readonly refusals: readonly Refusal[] } {
  const unknownVenue = venue === null ? [] : problemOfVenueCode(rulebook, venue);
  if (unknownVenue.length > 0) return { refusals: unknownVenue };
  const places = venue === null ? [...rulebook.venues.keys()] : [venue];
  const found = places.map((code) => rulebook.instrument(code, symbol)).filter((each) => each !== null);
  const [first] = found;
  const field = ['instrument'];
  if (first === undefined) {
    const where = venue === null ? '' : ` at ${venue}`;
    return { refusals: [{ ...refuse('INSTRUMENT_NOT_FOUND', `There is no such instrument${where}.`), field }] };
  }
  if (found.length === 1) return { instrument: first };
  const venues = found.map((each) => each.venue).join(', ');
  const message = `${first.symbol} is listed by ${venues}: name the \`venue\`, or send the id of the instrument.`;
  return { refusals: [{ ...refuse('INVALID_INPUT', message), field }] };
}

function problemsOfTiers(tiers: readonly MaintenanceTierDraft[], { symbol, maxLeverage }: InstrumentRecord): Refusal[] {
  const place = ['tiers'];
  const problems = maintenanceTierProblems(tiers).map(({ code, message, tier, field }) => ({
    ...{ ...refuse(code, message), field: [...place, ...[tier, field].filter((part) => part !== null).map(String)] },
  }));
  // Of a list that is too long nothing but that is said.
  if (problems.some(({ field }) => field.length === place.length)) return problems;
  tiers.forEach((tier, index) => {
    if (tier.maxLeverage.lte(maxLeverage)) return;
    const message = `The maximum leverage of tier ${index + 1} must be at most ${toPlain(maxLeverage)}, that of ${symbol}, and is ${toPlain(tier.maxLeverage)}.`;
    problems.push({ ...refuse('TIERS_INVALID', message), field: [...place, String(index), 'maxLeverage'] });
  });
  return problems;
}

function nameOf({ venue, instrument }: MaintenanceChange): string {
  return venue === null ? instrument : instrumentKey(venue, instrument);
}

/** What the audit says of a version. */
function tierFacts({ version, effectiveFrom, tiers }: MaintenanceVersion): object {
  return { version, effectiveFrom, tiers };
}
