/** The type of an alert. */
import { Ctx, Field, FieldResolver, ID, ObjectType, Resolver, Root } from 'type-graphql';

import type { AlertRuleRecord } from '../../risk/alerts/alert-rules.js';
import type { LedgerEntryRecord } from '../../ledger/history.js';
import type { AccountRecord } from '../../ledger/records.js';
import { roundUp, type Decimal } from '../../margin/decimal.js';
import type { AlertRecord } from '../../risk/alerts/alert-records.js';
import type { SentAlert } from '../../risk/alerts/alert-stream.js';
import type { RatioVersion } from '../../policy/versions/ratio-version.js';
import { Account } from '../account/account.js';
import { recordOf } from '../account/read-account.js';
import { writeAlertCursor } from './alert-cursor.js';
import { AlertRule } from './alert-rule.js';
import { CollateralRatio } from '../venue/collateral-ratio.js';
import type { Context } from '../execution/context.js';
import { MarginStatus, PositionSide, RiskAlertKind } from '../types/enums.js';
import { sequenceId } from '../types/global-id.js';
import { LedgerEntry } from '../account/history.js';
import { ID_DESCRIPTION, Node } from '../types/node.js';
import { connectionOf } from '../types/pagination.js';
import { Position, positionsOf, type AccountPosition } from '../account/position.js';
import { DateTimeScalar, DecimalScalar } from '../types/scalars.js';
import { Instrument } from '../venue/venue.js';

@ObjectType({
  implements: Node,
  description:
    'Something that the owner of an account has to know: stored before it is sent, exactly once. Its numbers are those ' +
    "of the cross account, or of the isolated position that it is about, when it fired. The account's owner, admins, services.",
  simpleResolvers: true,
})
export class RiskAlert {
  @Field(() => RiskAlertKind, { description: 'What it is about.' })
  kind!: string;

  @Field(() => PositionSide, {
    nullable: true,
    description: 'Direction of the isolated position that it is about, open or closed since; null: the cross account.',
  })
  side!: string | null;

  @Field(() => MarginStatus, { description: 'The status when it fired.' })
  status!: string;

  @Field(() => MarginStatus, {
    nullable: true,
    description: 'Of STATUS_CHANGED: the status that was alerted last, or a calm one. Null for other kinds.',
  })
  previousStatus!: string | null;

  @Field(() => DecimalScalar, {
    description:
      "In the venue's unit, of an isolated position in its settlement asset, when it fired; negative: more was lost or owed than there was.",
  })
  marginBalance!: Decimal;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Of COLLATERAL_RATIO_SCHEDULED: when the ratio takes effect. Null for other kinds.',
  })
  effectiveAt!: Date | null;

  @Field(() => DateTimeScalar, { description: 'When it fired.' })
  at!: Date;
}

export const Alerts = connectionOf('RiskAlert', () => RiskAlert, 'alerts');

@Resolver(() => RiskAlert)
export class RiskAlertResolver {
  @FieldResolver(() => ID, { description: ID_DESCRIPTION })
  id(@Root() { seq }: SentAlert, @Ctx() { seal }: Context): string {
    return sequenceId(seal, 'RiskAlert', seq);
  }

  @FieldResolver(() => String, {
    description: 'Its place in the sequence of alerts, where to go on from: `riskAlerts(after:)`.',
  })
  cursor(@Root() { seq }: SentAlert, @Ctx() { seal }: Context): string {
    return writeAlertCursor(seal, seq);
  }

  @FieldResolver(() => Account, { description: 'The account that it is about.' })
  async account(@Root() { accountId }: SentAlert, @Ctx() context: Context): Promise<AccountRecord> {
    return recordOf(accountId, context);
  }

  @FieldResolver(() => Instrument, {
    nullable: true,
    description: 'Of the isolated position that it is about, open or closed since; null: the cross account.',
  })
  instrument(@Root() { venue, instrument }: SentAlert, @Ctx() { rulebook }: Context): unknown {
    return instrument === null ? null : rulebook.instrument(venue, instrument);
  }

  @FieldResolver(() => Position, {
    nullable: true,
    description:
      'The isolated position that it is about, as it is now. Null for the cross account, and while it is closed: ' +
      '`instrument` and `side` say which one it was.',
  })
  async position(@Root() alert: SentAlert, @Ctx() context: Context): Promise<AccountPosition | null> {
    if (alert.instrument === null) return null;
    const found = (await positionsOf(alert.accountId, context)).find(
      ({ instrument, side, marginMode }) =>
        instrument === alert.instrument && side === alert.side && marginMode === 'ISOLATED',
    );
    return found ?? null;
  }

  @FieldResolver(() => DecimalScalar, {
    nullable: true,
    description:
      "maintenanceMargin / marginBalance when it fired: liquidation is at the policy's `liquidationRatio`; rounded up. " +
      'Null when nothing was required, the margin balance was not positive, or a price was missing.',
  })
  marginRatio(@Root() { marginRatio }: SentAlert): Decimal | null {
    return marginRatio === null ? null : roundUp(marginRatio);
  }

  @FieldResolver(() => DecimalScalar, {
    description: 'In the same as `marginBalance`, when it fired, from 0 on; rounded up.',
  })
  maintenanceMargin(@Root() { maintenanceMargin }: SentAlert): Decimal {
    return roundUp(maintenanceMargin);
  }

  @FieldResolver(() => AlertRule, {
    nullable: true,
    description: 'Of RULE_FIRED: the rule; null once it is removed. Null for other kinds.',
  })
  async rule(@Root() { ruleId }: SentAlert, @Ctx() { loaders }: Context): Promise<AlertRuleRecord | null> {
    return ruleId === null ? null : loaders.alertRule.load(ruleId);
  }

  @FieldResolver(() => CollateralRatio, {
    nullable: true,
    description: 'Of COLLATERAL_RATIO_SCHEDULED: the version that will take effect. Null for other kinds.',
  })
  collateralRatio(@Root() { ratioId }: SentAlert, @Ctx() { rulebook }: Context): RatioVersion | null {
    return ratioId === null ? null : rulebook.ratioVersion(ratioId);
  }

  @FieldResolver(() => [LedgerEntry], {
    description: 'Of INTEREST_STARTED and AUTO_EXCHANGED: what was booked, in that order. Empty for other kinds.',
  })
  async ledgerEntries(@Root() { entries }: SentAlert, @Ctx() { loaders }: Context): Promise<LedgerEntryRecord[]> {
    const found = await Promise.all(entries.map((seq) => loaders.ledgerEntry.load(seq)));
    return found.filter((entry) => entry !== null);
  }

  @FieldResolver(() => DateTimeScalar, {
    nullable: true,
    description: 'When the owner acknowledged it first; null: not yet.',
  })
  async acknowledgedAt(@Root() alert: AlertRecord | SentAlert, @Ctx() { loaders }: Context): Promise<Date | null> {
    if ('acknowledgedAt' in alert) return alert.acknowledgedAt;
    return (await loaders.alert.load(alert.seq))?.acknowledgedAt ?? null;
  }
}
