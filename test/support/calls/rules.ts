/** Changes of rules, made as an admin makes them, without the way through the API. */
import { randomUUID } from 'node:crypto';

import { decimal } from '../../../src/margin/decimal.js';
import { createBus, type Bus, type Events } from '../../../src/platform/events.js';
import type { Database } from '../../../src/platform/database/database.js';
import type { AdminParts } from '../../../src/policy/changes/admin-change.js';
import { Audit } from '../../../src/policy/changes/audit.js';
import { cancelRule } from '../../../src/policy/changes/cancel-rule.js';
import { changeRule } from '../../../src/policy/changes/change-rule.js';
import { collateralRatio } from '../../../src/policy/versions/collateral-ratio.js';
import { maintenanceTiers, type TiersDraft } from '../../../src/policy/versions/maintenance-tiers.js';
import {
  interestRate,
  marginPolicy,
  type InterestDraft,
  type PolicyDraft,
} from '../../../src/policy/versions/margin-policy.js';
import type { MaintenanceVersion, PolicyVersion } from '../../../src/policy/versions/policy-version.js';
import type { RatioVersion } from '../../../src/policy/versions/ratio-version.js';
import type { VersionRecord } from '../../../src/policy/versions/rule-version.js';
import type { AnyRule } from '../../../src/policy/versions/rules.js';
import type { VersionedRule } from '../../../src/policy/versions/versioned-rule.js';
import { Rulebook } from '../../../src/policy/rulebook/rulebook.js';

export const LISTA = { venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'LISTA' };

/** What a process has of the rules. */
export interface RuleProcess extends AdminParts {
  /** What its bus has said of ratios: "SCHEDULED 3". */
  readonly events: string[];
  /** Venues whose policy it has heard of. */
  readonly policies: string[];
}

export async function ruleProcess(db: Database, clock: () => number): Promise<RuleProcess> {
  const rulebook = await Rulebook.load(db);
  const bus: Bus = createBus();
  const events: string[] = [];
  const policies: string[] = [];
  bus.on('collateralRatio', ({ id, change }: Events['collateralRatio'][0]) => {
    events.push(`${change} ${rulebook.ratioVersion(id)?.version}`);
  });
  bus.on('policy', ({ venue }) => policies.push(venue));
  return { db, rulebook, bus, audit: new Audit(db), clock, events, policies };
}

const request = (mutation: string) => ({ viewer: 'root', key: randomUUID(), mutation, input: {} });

/** Changes a rule; forced, so that the test says what it is about and nothing else. */
async function change<V extends VersionRecord, D>(
  parts: AdminParts,
  rule: VersionedRule<V, D>,
  draft: D,
  effectiveFrom: Date | null,
): Promise<V> {
  const named = rule.check(draft, parts.rulebook);
  const versions = 'key' in named ? parts.rulebook.versionsOf(rule, named.key) : [];
  const { version, refusals } = await changeRule(
    parts,
    rule,
    {
      ...{ draft, effectiveFrom, reason: 'test', force: true, replaceScheduled: false, foresee: null },
      expectedVersion: versions.at(-1)?.version ?? 0,
    },
    request(`change${rule.kind}`),
    new Date(parts.clock()),
  );
  if (version === null) throw new Error(`The change was refused: ${JSON.stringify(refusals)}`);
  return version;
}

export function changeLista(
  parts: AdminParts,
  ratio: string,
  effectiveFrom: Date | null = null,
): Promise<RatioVersion> {
  return change(parts, collateralRatio, { ...LISTA, ratio: decimal(ratio) }, effectiveFrom);
}

export function changePolicy(
  parts: AdminParts,
  draft: PolicyDraft,
  effectiveFrom: Date | null = null,
): Promise<PolicyVersion> {
  return change(parts, marginPolicy, draft, effectiveFrom);
}

export function changeInterest(
  parts: AdminParts,
  draft: InterestDraft,
  effectiveFrom: Date | null = null,
): Promise<PolicyVersion> {
  return change(parts, interestRate, draft, effectiveFrom);
}

export function changeTiers(
  parts: AdminParts,
  draft: TiersDraft,
  effectiveFrom: Date | null = null,
): Promise<MaintenanceVersion> {
  return change(parts, maintenanceTiers, draft, effectiveFrom);
}

export async function cancel(parts: AdminParts, id: string, rule: AnyRule = collateralRatio): Promise<VersionRecord> {
  const { version, refusals } = await cancelRule(
    parts,
    rule,
    { id, reason: 'test', force: true },
    request('cancelRuleChange'),
    new Date(parts.clock()),
  );
  if (version === null) throw new Error(`The cancellation was refused: ${JSON.stringify(refusals)}`);
  return version;
}

/** What LISTA counts at an instant. */
export function listaAt({ rulebook }: Pick<AdminParts, 'rulebook'>, at: Date | number): string | undefined {
  const schedule = rulebook.policy(LISTA.venue, LISTA.chain, new Date(at)).collateralRatios.get(LISTA.asset);
  return schedule?.tiers[0]?.ratio.toFixed();
}
