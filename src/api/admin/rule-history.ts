/** Queries of the versions of any rule: the history of one rule, and the scheduled versions of all. */
import { Arg, Ctx, ID, Int, Query, Resolver } from 'type-graphql';

import { instrumentKey, MAINTENANCE_TIERS, MARGIN_POLICY } from '../../policy/versions/policy-version.js';
import { compareInTime, ruleOf } from '../../policy/versions/rules.js';
import type { VersionRecord } from '../../policy/versions/rule-version.js';
import type { Context } from '../execution/context.js';
import { ANY_ROLE, Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import { badUserInput } from '../types/api-error.js';
import { parseGlobalId } from '../types/global-id.js';
import {
  AFTER_DESCRIPTION,
  FIRST_DESCRIPTION,
  PAGE_DEFAULT,
  connectionOf,
  pageOf,
  type Page,
} from '../types/pagination.js';
import { RuleVersion, historyPage } from '../venue/rule-version.js';

const Versions = connectionOf('RuleVersion', () => RuleVersion, 'versions of rules');

@Resolver()
export class RuleHistory {
  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => Versions.Connection, {
    description:
      'All versions of one rule, newest first, scheduled and cancelled ones included. Any role. Another id gives an empty ' +
      'list.',
  })
  ruleHistory(
    @Arg('id', () => ID, {
      description:
        'Of any version of the rule; of a venue for its margin policy; of an instrument for its maintenance tiers.',
    })
    id: string,
    @Arg('first', () => Int, { nullable: true, defaultValue: PAGE_DEFAULT, description: FIRST_DESCRIPTION })
    first: number | null,
    @Arg('after', () => String, { nullable: true, description: AFTER_DESCRIPTION }) after: string | null | undefined,
    @Ctx() { rulebook, seal }: Context,
  ): Promise<Page<VersionRecord>> {
    return historyPage(versionsBy(id, rulebook), seal, first, after);
  }

  @Access(...ANY_ROLE)
  @Cost(ANSWER_ONLY)
  @Query(() => Versions.Connection, {
    description:
      'The versions of all rules that are still to take effect, in the order in which they will. Any role. An unknown code ' +
      'gives an empty list.',
  })
  scheduledRules(
    @Arg('venue', () => String, { nullable: true, description: 'Only of this venue; null: of all.' })
    venue: string | null | undefined,
    @Arg('first', () => Int, { nullable: true, defaultValue: PAGE_DEFAULT, description: FIRST_DESCRIPTION })
    first: number | null,
    @Arg('after', () => String, { nullable: true, description: AFTER_DESCRIPTION }) after: string | null | undefined,
    @Ctx() { rulebook, now, seal }: Context,
  ): Promise<Page<VersionRecord>> {
    const versions = rulebook.scheduled(now, venue ?? undefined);
    return pageOf({
      seal,
      list: 'scheduled',
      first,
      after,
      cursorOf: ({ effectiveFrom, kind, id }) => [effectiveFrom.toISOString(), kind, id],
      read: (cursor, limit) => versionsAfter(versions, cursor, rulebook).slice(0, limit),
    });
  }
}

function versionsBy(id: string, rulebook: Context['rulebook']): readonly VersionRecord[] {
  const parsed = parseGlobalId(id);
  if (parsed === null) return [];
  const { type, local } = parsed;
  const [first = '', second = ''] = local;
  if (type === 'Venue') return ofKind(MARGIN_POLICY, local.length === 1 ? first : '', rulebook);
  if (type === 'Instrument') {
    return ofKind(MAINTENANCE_TIERS, local.length === 2 ? instrumentKey(first, second) : '', rulebook);
  }
  const version = local.length === 1 ? rulebook.version(type, first) : null;
  return version === null ? [] : rulebook.siblingsOf(version);
}

function ofKind(kind: string, key: string, rulebook: Context['rulebook']): readonly VersionRecord[] {
  const rule = ruleOf(kind);
  return rule === null ? [] : rulebook.versionsOf(rule, key);
}

/** The versions after the cursor, in the list's order. The cursor's own version may be in force or cancelled by now. */
function versionsAfter(
  versions: readonly VersionRecord[],
  cursor: readonly string[] | null,
  rulebook: Context['rulebook'],
): readonly VersionRecord[] {
  if (cursor === null) return versions;
  const [instant = '', kind = '', id = ''] = cursor;
  const last = rulebook.version(kind, id);
  if (last === null || last.effectiveFrom.toISOString() !== instant) {
    throw badUserInput('Expected a cursor that an earlier page of this list gave out.');
  }
  return versions.filter((version) => compareInTime(version, last) > 0);
}
