/** Who changed which rule, or tried to: for admins. */
import { Arg, Ctx, Field, FieldResolver, ID, Int, ObjectType, Query, Resolver, Root } from 'type-graphql';

import { readAuditEntries, type AuditEntry as AuditRecord } from '../../policy/changes/audit.js';
import { Access } from '../types/access.js';
import { ANSWER_ONLY, Cost } from '../types/cost.js';
import type { Context } from '../execution/context.js';
import { parseGlobalId, sequenceId, storedId } from '../types/global-id.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';
import {
  AFTER_DESCRIPTION,
  FIRST_DESCRIPTION,
  PAGE_DEFAULT,
  connectionOf,
  pageOf,
  sequenceOf,
  type Page,
} from '../types/pagination.js';
import { DateTimeScalar } from '../types/scalars.js';

@ObjectType({
  implements: Node,
  description:
    'One mutation by an admin, or an attempt at one by anybody. Never changed and never deleted: the database refuses it. ' +
    'Admins.',
  simpleResolvers: true,
})
export class AuditEntry {
  @Field(() => String, { description: 'Subject of the token that it was sent with.' })
  actor!: string;

  @Field(() => String, { description: 'The mutation.' })
  action!: string;

  @Field(() => Boolean, { description: 'False: it was refused, and nothing was changed.' })
  done!: boolean;

  @Field(() => String, {
    description:
      'What it was about, in words: "ASTER/BNB_CHAIN/LISTA" of a ratio, "ASTER" of a policy, "ASTER/USDT" of an interest ' +
      'rate, "ASTER/BTCUSDT" of maintenance tiers, venue, chain and name of an account.',
  })
  subjectKey!: string;

  @Field(() => String, {
    nullable: true,
    description: 'JSON text: what stood before. Null where there was nothing, and of what was refused.',
  })
  before!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'JSON text: what stands since, with `force` and the guard rails that it has passed; of what was refused the ' +
      '`errors`, and the input as `asked` where the actor was allowed to ask.',
  })
  after!: string | null;

  @Field(() => String, { nullable: true, description: 'Why, as the actor said; null where none was asked for.' })
  reason!: string | null;

  @Field(() => DateTimeScalar, { description: 'When.' })
  at!: Date;
}

const Entries = connectionOf('AuditEntry', () => AuditEntry, 'entries of the audit');

@Resolver(() => AuditEntry)
export class AuditEntryResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() entry: AuditRecord, @Ctx() { seal }: Context): string {
    return sequenceId(seal, 'AuditEntry', entry.seq);
  }

  @FieldResolver(() => ID, {
    nullable: true,
    description:
      'Global id of what it was done to: the version of a ratio, the venue of a policy, the instrument, the account. Null ' +
      'where a refused mutation would have made it.',
  })
  subject(@Root() { subject }: AuditRecord): string | null {
    if (subject === null) return null;
    const [type = '', ...local] = subject.split(':');
    return storedId(type, ...local);
  }

  @Access('ADMIN')
  @Cost(ANSWER_ONLY)
  @Query(() => Entries.Connection, {
    description:
      'Admins. Every mutation by an admin, and every attempt that was refused, newest first. Of one actor at most 60 ' +
      'refusals a minute are kept, and one entry says that there were more.',
  })
  auditLog(
    @Arg('first', () => Int, { nullable: true, defaultValue: PAGE_DEFAULT, description: FIRST_DESCRIPTION })
    first: number | null,
    @Arg('after', () => String, { nullable: true, description: AFTER_DESCRIPTION }) after: string | null | undefined,
    @Arg('subject', () => ID, {
      nullable: true,
      description: 'Only what was done to this; null: everything. Another id gives an empty list.',
    })
    subject: string | null | undefined,
    @Ctx() { db, seal }: Context,
  ): Promise<Page<AuditRecord>> {
    const only = subject == null ? null : subjectOf(subject);
    return pageOf({
      seal,
      list: 'audit',
      first,
      after,
      cursorOf: ({ seq }) => [String(seq)],
      read: (cursor, limit) => readAuditEntries(db, { before: sequenceOf(cursor), limit, subject: only }),
    });
  }
}

/** The subject as the audit names it. A text that is no id gives a name that no entry has. */
function subjectOf(id: string): string {
  const parsed = parseGlobalId(id);
  return parsed === null ? '' : [parsed.type, ...parsed.local].join(':');
}
