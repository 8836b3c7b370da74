/** Changes of rules, made as an admin makes them, without the way through the API. */
import { randomUUID } from 'node:crypto';

import { decimal } from '../../../src/margin/decimal.js';
import { createBus, type Bus, type Events } from '../../../src/platform/events.js';
import type { Database } from '../../../src/platform/database.js';
import type { AdminParts } from '../../../src/policy/changes/admin-change.js';
import { Audit } from '../../../src/policy/changes/audit.js';
import { cancelCollateralRatio } from '../../../src/policy/changes/ratio-cancel.js';
import { changeCollateralRatio } from '../../../src/policy/changes/ratio-change.js';
import type { RatioVersion } from '../../../src/policy/versions/ratio-version.js';
import { Rulebook } from '../../../src/policy/rulebook/rulebook.js';

export const LISTA = { venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'LISTA' };

/** What a process has of the rules. */
export interface RuleProcess extends AdminParts {
  /** What its bus has said of ratios: "SCHEDULED 3". */
  readonly heard: string[];
  /** Venues whose policy it has heard of. */
  readonly policies: string[];
}

export async function ruleProcess(db: Database, clock: () => number): Promise<RuleProcess> {
  const rulebook = await Rulebook.load(db);
  const bus: Bus = createBus();
  const heard: string[] = [];
  const policies: string[] = [];
  bus.on('collateralRatio', ({ id, change }: Events['collateralRatio'][0]) => {
    heard.push(`${change} ${rulebook.ratioVersion(id)?.version}`);
  });
  bus.on('policy', ({ venue }) => policies.push(venue));
  return { db, rulebook, bus, audit: new Audit(db), clock, heard, policies };
}

const request = (mutation: string) => ({ viewer: 'root', key: randomUUID(), mutation, input: {} });

/** Changes the ratio of LISTA; forced, so that the test says what it is about and nothing else. */
export async function changeLista(
  parts: AdminParts,
  ratio: string,
  effectiveFrom: Date | null = null,
): Promise<RatioVersion> {
  const versions = parts.rulebook.ratioVersions(LISTA.venue, LISTA.chain, LISTA.asset);
  const { version, refusals } = await changeCollateralRatio(
    parts,
    {
      ...{ ...LISTA, ratio: decimal(ratio), effectiveFrom, reason: 'test', force: true, impact: null, concerned: [] },
      expectedVersion: versions.at(-1)?.version ?? 0,
    },
    request('changeCollateralRatio'),
    new Date(parts.clock()),
  );
  if (version === null) throw new Error(`The change was refused: ${JSON.stringify(refusals)}`);
  return version;
}

export async function cancel(parts: AdminParts, id: string): Promise<RatioVersion> {
  const { version, refusals } = await cancelCollateralRatio(
    parts,
    { id, reason: 'test', force: true },
    request('cancelCollateralRatio'),
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
