/** How grave an alert is, and what its text is made of in the words of a client: a key and its arguments. */
import { Ctx, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';

import { roundUp, toPlain } from '../../margin/decimal.js';
import type { SentAlert } from '../../risk/alerts/alert-stream.js';
import { recordOf } from '../account/read-account.js';
import type { Context } from '../execution/context.js';
import { AlertSeverity } from '../types/enums.js';
import { RiskAlert } from './risk-alert.js';

@ObjectType({ description: 'One argument of the text of an alert.', simpleResolvers: true })
export class TextArgument {
  @Field(() => String, { description: 'What it is: account, instrument, marginRatio, asset or effectiveAt.' })
  name!: string;

  @Field(() => String, {
    description:
      'As it is: a name or symbol, a Decimal, a DateTime. Empty where it is unknown, as the ratio of an account that owes ' +
      'more than it has.',
  })
  value!: string;
}

/** Severity of a status, for alerts of a status that has changed. */
const OF_STATUS: Readonly<Record<string, keyof typeof AlertSeverity>> = {
  LIQUIDATION: 'CRITICAL',
  MARGIN_CALL: 'CRITICAL',
  UNPRICED: 'WARNING',
  WARNING: 'WARNING',
};

/** Severity of the other kinds. */
const OF_KIND: Readonly<Record<string, keyof typeof AlertSeverity>> = {
  RULE_FIRED: 'WARNING',
  AUTO_EXCHANGED: 'WARNING',
  COLLATERAL_RATIO_SCHEDULED: 'WARNING',
};

@Resolver(() => RiskAlert)
export class AlertTextResolver {
  @FieldResolver(() => AlertSeverity, {
    description: 'How grave it was when it fired, by its kind, and its status where that has changed.',
  })
  severity(@Root() { kind, status }: SentAlert): keyof typeof AlertSeverity {
    return (kind === 'STATUS_CHANGED' ? OF_STATUS[status] : OF_KIND[kind]) ?? 'INFO';
  }

  @FieldResolver(() => String, {
    description:
      "Names the text that a client shows, in its user's language: the kind; of STATUS_CHANGED also the status, after a " +
      'point; and ".POSITION" at the end where it is about an isolated position. Such as "STATUS_CHANGED.LIQUIDATION" and ' +
      '"RULE_FIRED.POSITION".',
  })
  textKey(@Root() { kind, status, instrument }: SentAlert): string {
    return [kind, ...(kind === 'STATUS_CHANGED' ? [status] : []), ...(instrument === null ? [] : ['POSITION'])].join(
      '.',
    );
  }

  @FieldResolver(() => [TextArgument], {
    description:
      "What the text takes, in this order: the account's name; of an isolated position the instrument; of STATUS_CHANGED " +
      'and RULE_FIRED the margin ratio; of COLLATERAL_RATIO_SCHEDULED the asset and the instant at which it takes effect.',
  })
  async textArguments(@Root() alert: SentAlert, @Ctx() context: Context): Promise<TextArgument[]> {
    const { kind, instrument, marginRatio, ratioId, effectiveAt } = alert;
    const { name } = await recordOf(alert.accountId, context);
    const found: TextArgument[] = [{ name: 'account', value: name }];
    if (instrument !== null) found.push({ name: 'instrument', value: instrument });
    if (kind === 'STATUS_CHANGED' || kind === 'RULE_FIRED') {
      found.push({ name: 'marginRatio', value: marginRatio === null ? '' : toPlain(roundUp(marginRatio)) });
    }
    if (kind === 'COLLATERAL_RATIO_SCHEDULED') {
      const ratio = ratioId === null ? null : context.rulebook.ratioVersion(ratioId);
      found.push({ name: 'asset', value: ratio?.asset ?? '' });
      found.push({ name: 'effectiveAt', value: effectiveAt?.toISOString() ?? '' });
    }
    return found;
  }
}
