/** Changing a collateral ratio: a new version, never an edit (rules: 3; who may do it is the API's to say). */
import { ONE, ZERO, type Decimal } from '../margin/decimal.js';
import type { CollateralTier, TierUnit } from '../margin/model.js';
import { refuse, type Refusal } from '../margin/refusal.js';
import type { Bus } from '../platform/bus.js';
import type { Database, Transaction } from '../platform/database.js';
import { doOnce, type IdempotentRequest } from '../platform/idempotency.js';
import { uuidv7 } from '../platform/ids.js';
import { keyReused, problemOfKey, problemOfText, problemOfVenue } from './problems.js';
import { insertRatioVersion, readRatioVersions } from './ratio-store.js';
import { ratioKey, type RatioVersion } from './ratio-version.js';
import type { Rulebook } from './rulebook.js';
import { collateralTierProblems } from './tiers.js';

/** What is undefined stays as it is in the newest version; null takes a cap away. */
export interface RatioDraft {
  readonly venue: string;
  readonly chain: string | null;
  readonly asset: string;
  readonly ratio?: Decimal | undefined;
  readonly tiers?: readonly CollateralTier[] | undefined;
  readonly tierUnit?: TierUnit | undefined;
  readonly userCap?: Decimal | null | undefined;
  readonly platformCap?: Decimal | null | undefined;
}

export interface RatioChange extends RatioDraft {
  readonly reason: string;
  /** The newest version that the admin saw; 0 where there was none. */
  readonly expectedVersion: number;
}

export interface ChangedRatio {
  readonly version: RatioVersion | null;
  readonly refusals: readonly Refusal[];
}

const LONGEST_REASON = 1_000;

/** Adds a version that is in force at once. */
export async function changeCollateralRatio(
  { db, rulebook, bus }: { readonly db: Database; readonly rulebook: Rulebook; readonly bus: Bus },
  change: RatioChange,
  request: IdempotentRequest,
  now: Date,
): Promise<ChangedRatio> {
  const problemOfRequest = problemOfKey(request.key);
  if (problemOfRequest !== null) return { version: null, refusals: [problemOfRequest] };
  const key = ratioKey(change.venue, change.chain, change.asset);
  let inserted: RatioVersion | undefined;
  const outcome = await doOnce<Refusal>(db, request, now, async (tx) => {
    const problems = problemsOf(change, rulebook);
    if (problems.length > 0) return { refusals: problems };
    // Of two admins at the same ratio one waits here, and then finds the other's version.
    await tx.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended(${key}, 0))::text`;
    const newest = (await readRatioVersions(tx, key)).at(-1) ?? null;
    const next = nextVersion(change, newest, request.viewer, now);
    if ('refusal' in next) return { refusals: [next.refusal] };
    await insertRatioVersion(tx, next.version);
    inserted = next.version;
    return { made: next.version.id };
  });
  if (outcome.kind === 'refused') return { version: null, refusals: outcome.refusals };
  if (outcome.kind === 'reused') return { version: null, refusals: [keyReused()] };
  // What was committed takes effect without another read, which could fail.
  const version =
    outcome.isNew && inserted !== undefined
      ? inserted
      : ((await readRatioVersions(db, key)).find(({ id }) => id === outcome.made) ?? null);
  // Also when the key was sent before: the answer to the commit may have been lost on its way.
  if (version !== null && rulebook.addRatioVersion(version)) bus.emit('collateralRatio', version);
  return { version, refusals: [] };
}

function problemsOf(change: RatioChange, rulebook: Rulebook): Refusal[] {
  const problems: (Refusal | null)[] = [
    problemOfVenue(rulebook, change.venue, change.chain),
    problemOfText(change.reason, LONGEST_REASON, ['input', 'reason']),
    rulebook.assets.has(change.asset)
      ? null
      : { ...refuse('ASSET_NOT_FOUND', 'There is no such asset.'), field: ['input', 'asset'] },
    problemOfCap(change.userCap, 'userCap'),
    problemOfCap(change.platformCap, 'platformCap'),
  ];
  if (change.ratio !== undefined && change.tiers !== undefined) {
    const message = 'Expected either `ratio` or `tiers`, got both.';
    problems.push({ ...refuse('INVALID_INPUT', message), field: ['input', 'tiers'] });
  } else if (change.ratio !== undefined && (change.ratio.lt(ZERO) || change.ratio.gt(ONE))) {
    problems.push({ ...refuse('RATIO_OUT_OF_RANGE', 'Expected a ratio from 0 to 1.'), field: ['input', 'ratio'] });
  }
  for (const problem of change.tiers === undefined ? [] : collateralTierProblems(change.tiers)) {
    const place = [problem.tier, problem.field].filter((part) => part !== null).map(String);
    problems.push({ ...refuse(problem.code, problem.message), field: ['input', 'tiers', ...place] });
  }
  return problems.filter((problem) => problem !== null);
}

function problemOfCap(cap: Decimal | null | undefined, name: string): Refusal | null {
  if (cap === undefined || cap === null || cap.gte(ZERO)) return null;
  return { ...refuse('INVALID_INPUT', 'Expected a cap of 0 coins or more.'), field: ['input', name] };
}

function nextVersion(
  change: RatioChange,
  newest: RatioVersion | null,
  admin: string,
  now: Date,
): { version: RatioVersion } | { refusal: Refusal } {
  const seen = newest?.version ?? 0;
  if (change.expectedVersion !== seen) {
    const message = `The newest version is ${seen}, not ${change.expectedVersion}: look at it and decide again.`;
    return { refusal: { ...refuse('VERSION_CONFLICT', message), field: ['input', 'expectedVersion'] } };
  }
  const tiers = change.ratio === undefined ? change.tiers : [{ floor: ZERO, cap: null, ratio: change.ratio }];
  if (tiers === undefined && newest === null) {
    const message = 'Expected `ratio` or `tiers`: the asset has no ratio there whose tiers could be kept.';
    return { refusal: { ...refuse('INVALID_INPUT', message), field: ['input', 'ratio'] } };
  }
  const { venue, chain, asset, reason } = change;
  const version: RatioVersion = {
    id: uuidv7(),
    ratioKey: ratioKey(venue, chain, asset),
    version: seen + 1,
    venue,
    chain,
    asset,
    tierUnit: change.tierUnit ?? newest?.tierUnit ?? 'QUOTE_VALUE',
    tiers: tiers ?? newest?.tiers ?? [],
    userCap: change.userCap === undefined ? (newest?.userCap ?? null) : change.userCap,
    platformCap: change.platformCap === undefined ? (newest?.platformCap ?? null) : change.platformCap,
    // Never before the version that it follows, even when this server's clock is behind the one that made it.
    effectiveFrom: newest !== null && newest.effectiveFrom > now ? newest.effectiveFrom : now,
    cancelledAt: null,
    reason,
    source: null,
    changedBy: admin,
    createdAt: now,
  };
  return { version };
}

/** Coins of all multi-asset accounts that count, for each of the versions: one statement, however many. */
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
    GROUP BY ratio.id`;
  return new Map(rows.map((row) => [row.id, row.used]));
}
