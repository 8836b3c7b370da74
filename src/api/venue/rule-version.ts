/** The fields that the versions of all kinds of rules share. `api/admin` adds the impact. */
import type { Seal } from '../types/seal.js';
import { Ctx, Field, FieldResolver, ID, Int, InterfaceType, Resolver, Root } from 'type-graphql';

import { statusOf, type VersionRecord } from '../../policy/versions/rule-version.js';
import type { Context } from '../execution/context.js';
import { CollateralRatioStatus } from '../types/enums.js';
import { storedId } from '../types/global-id.js';
import { ID_DESCRIPTION } from '../types/node.js';
import { pageOf, sequenceOf, type Page } from '../types/pagination.js';
import { DateTimeScalar } from '../types/scalars.js';

@InterfaceType({
  description:
    'One version of one rule: a collateral ratio, a margin policy (with its interest), the maintenance tiers of an ' +
    'instrument. Never edited: a change is a new version. Any role.',
  resolveType: ({ kind }: VersionRecord) => kind,
})
export abstract class RuleVersion {
  @Field(() => ID, { description: ID_DESCRIPTION })
  id!: string;

  @Field(() => Int, { description: 'From 1, rising by one with every change.' })
  version!: number;

  @Field(() => CollateralRatioStatus, { description: 'Where this version stands now.' })
  status!: string;

  @Field(() => DateTimeScalar, { description: 'From this instant on it counts, or was due to.' })
  effectiveFrom!: Date;

  @Field(() => String, { description: 'Why it was changed, in words.' })
  reason!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Subject of the admin who made the change. Admins; null for everybody else, and for reference data.',
  })
  changedBy!: string | null;
}

@Resolver(() => RuleVersion)
export class RuleVersionResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() { kind, id }: VersionRecord): string {
    return storedId(kind, id);
  }

  @FieldResolver(() => CollateralRatioStatus, { description: 'Where this version stands now.' })
  status(@Root() version: VersionRecord, @Ctx() { rulebook, now }: Context): string {
    return statusOf(version, rulebook.siblingsOf(version), now);
  }

  @FieldResolver(() => String, { nullable: true, description: 'Subject of the admin who made the change.' })
  changedBy(@Root() version: VersionRecord, @Ctx() { viewer }: Context): string | null {
    return viewer?.roles.includes('ADMIN') === true ? version.changedBy : null;
  }
}

/** A page of the versions of one rule, newest first. @param versions oldest first */
export function historyPage<V extends VersionRecord>(
  versions: readonly V[],
  seal: Seal,
  first: number | null,
  after: string | null | undefined,
): Promise<Page<V>> {
  const newestFirst = [...versions].reverse();
  return pageOf({
    seal,
    list: 'versions',
    first,
    after,
    cursorOf: ({ version }) => [String(version)],
    read: (cursor, limit) => {
      const before = sequenceOf(cursor);
      return newestFirst.filter(({ version }) => before === null || version < before).slice(0, limit);
    },
  });
}
