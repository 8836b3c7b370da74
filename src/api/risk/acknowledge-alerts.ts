/** Acknowledges alerts: one, or all up to one. */
import { Arg, Ctx, Field, ID, InputType, Int, Mutation, ObjectType, Resolver } from 'type-graphql';

import {
  MAX_ACKNOWLEDGED,
  acknowledgeAlert,
  acknowledgeThrough,
  type AlertRecord,
} from '../../risk/alerts/alert-records.js';
import { refuse } from '../../margin/refusal.js';
import type { Context } from '../execution/context.js';
import { Access, viewerOf } from '../types/access.js';
import { Cost, TRANSACTION } from '../types/cost.js';
import { sequenceOfId } from '../types/global-id.js';
import { MAX_LIST } from '../types/lists.js';
import { UserError, userErrors } from '../types/refusals.js';
import { findAlertCursor } from './alert-cursor.js';
import { RiskAlert } from './risk-alert.js';
import { localAccountIds } from './risk-alerts.js';

@InputType({ description: 'An alert that was seen.' })
export class AcknowledgeRiskAlertInput {
  @Field(() => ID, {
    description: "An alert of one of the trader's own accounts; any other is answered as if it did not exist.",
  })
  id!: string;
}

@ObjectType({ description: 'What became of an acknowledgement.', simpleResolvers: true })
export class AcknowledgeRiskAlertPayload {
  @Field(() => RiskAlert, { nullable: true, description: 'The alert as it is now; null when it was refused.' })
  alert!: AlertRecord | null;

  @Field(() => [UserError], { description: 'Why it was refused; empty when it is acknowledged.' })
  errors!: readonly UserError[];
}

const OWN_ACCOUNTS = `Only of these accounts, from 1 to ${MAX_LIST}; those of others are passed over. Null: of all own ones.`;

@InputType({ description: 'Alerts that were seen: all up to one.' })
export class AcknowledgeRiskAlertsInput {
  @Field(() => String, {
    description:
      'The `cursor` of an alert, or a `liveCursor`: it and all earlier alerts were seen. What was stored after it stays as ' +
      'it is. A text that is no such cursor is INVALID_INPUT.',
  })
  through!: string;

  @Field(() => [ID], { nullable: true, description: OWN_ACCOUNTS })
  accountIds?: string[] | null;
}

@ObjectType({ description: 'What became of an acknowledgement of many alerts.', simpleResolvers: true })
export class AcknowledgeRiskAlertsPayload {
  @Field(() => Int, {
    description:
      `How many were not acknowledged before, from 0 to ${MAX_ACKNOWLEDGED}, the newest first. At ${MAX_ACKNOWLEDGED} there ` +
      'may be more: send it again.',
  })
  acknowledged!: number;

  @Field(() => [UserError], { description: 'Why it was refused; empty when they are acknowledged.' })
  errors!: readonly UserError[];
}

@Resolver()
export class AcknowledgeAlertsResolver {
  @Access('TRADER')
  @Cost(TRANSACTION)
  @Mutation(() => AcknowledgeRiskAlertPayload, {
    description: 'Traders, on their own accounts. Says that an alert was seen; again: it keeps its first instant.',
  })
  async acknowledgeRiskAlert(
    @Arg('input', () => AcknowledgeRiskAlertInput, { description: 'Which alert.' }) input: AcknowledgeRiskAlertInput,
    @Ctx() context: Context,
  ): Promise<AcknowledgeRiskAlertPayload> {
    const seq = sequenceOfId(context.seal, 'RiskAlert', input.id);
    const refusal = await acknowledgeAlert(context.db, { seq, owner: viewerOf(context).subject }, context.now);
    if (seq === null || refusal !== null) return { alert: null, errors: userErrors(refusal === null ? [] : [refusal]) };
    // Drops what the request's loaders read before the mutation.
    context.loaders.unacknowledged.clearAll();
    return { alert: await context.loaders.alert.clear(seq).load(seq), errors: [] };
  }

  @Access('TRADER')
  @Cost(TRANSACTION)
  @Mutation(() => AcknowledgeRiskAlertsPayload, {
    description:
      'Traders, on their own accounts. Says that all alerts up to one were seen; those that were acknowledged before keep ' +
      'their instant.',
  })
  async acknowledgeRiskAlerts(
    @Arg('input', () => AcknowledgeRiskAlertsInput, { description: 'Which alerts.' }) input: AcknowledgeRiskAlertsInput,
    @Ctx() context: Context,
  ): Promise<AcknowledgeRiskAlertsPayload> {
    const { accountIds = null } = input;
    const through = findAlertCursor(context.seal, input.through);
    if (through === null) {
      const message = 'Expected the `cursor` of an alert, or a `liveCursor`.';
      return { acknowledged: 0, errors: userErrors([refuse('INVALID_INPUT', message, ['through'])]) };
    }
    const seen = {
      owner: viewerOf(context).subject,
      accountIds: accountIds === null ? null : localAccountIds(accountIds),
      through: through.seq,
    };
    const acknowledged = await acknowledgeThrough(context.db, seen, context.now);
    context.loaders.alert.clearAll();
    context.loaders.unacknowledged.clearAll();
    return { acknowledged, errors: [] };
  }
}
