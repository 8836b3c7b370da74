/** Pages of alerts, newest first, each with the cursor of the instant at which it was read. */
import { ArgsType, Field, FieldResolver, Resolver, Root } from 'type-graphql';

import type { SequenceRange } from '../../platform/database/sequence-pages.js';
import type { AlertChoice, AlertRecord } from '../../risk/alerts/alert-records.js';
import type { Context } from '../execution/context.js';
import { RiskAlertKind } from '../types/enums.js';
import { ONLY_KINDS, TimedPageArgs, kindsOf, timesOf } from '../types/page-filters.js';
import { pageFrom, type Page } from '../types/pagination.js';
import { ALERT_LIST, alertCursorParts, alertPlace, writeAlertCursor } from './alert-cursor.js';
import { Alerts } from './risk-alert.js';

export type AlertsPage = Page<AlertRecord> & { readonly liveCursor: string };

/** Arguments of a list of alerts. */
@ArgsType()
export class AlertArgs extends TimedPageArgs {
  @Field(() => [RiskAlertKind], { nullable: true, description: ONLY_KINDS })
  readonly kinds?: readonly (keyof typeof RiskAlertKind)[] | null;

  @Field(() => Boolean, {
    nullable: true,
    description: 'True: only what was acknowledged; false: only what was not; null: both.',
  })
  readonly acknowledged?: boolean | null;
}

/** @param read the alerts of the range, newest first */
export async function alertPage(
  { seal, loaders }: Context,
  args: AlertArgs,
  read: (choice: AlertChoice, range: SequenceRange) => Promise<readonly AlertRecord[]>,
): Promise<AlertsPage> {
  const choice = { kinds: kindsOf(args.kinds), isAcknowledged: args.acknowledged ?? null, ...timesOf(args) };
  // Read before the page, and the page ends there: a stream from `liveCursor` leaves nothing out and repeats nothing.
  const last = await loaders.lastAlert();
  const page = await pageFrom({
    ...{ seal, list: ALERT_LIST, args },
    cursorOf: ({ seq }: AlertRecord) => alertCursorParts(seq),
    read: ({ after, before, limit, isFromEnd }) =>
      read(choice, {
        below: after === null ? last + 1n : alertPlace(after).seq,
        above: before === null ? null : alertPlace(before).seq,
        limit,
        isOldest: isFromEnd,
      }),
  });
  return { ...page, liveCursor: writeAlertCursor(seal, last) };
}

@Resolver(() => Alerts.Connection)
export class AlertsPageResolver {
  @FieldResolver(() => String, {
    description:
      'Where to go on from: `riskAlerts(after:)` sends what is stored after this page was read. That is one on an empty ' +
      "page, too. For a list of several pages take the first page's.",
  })
  liveCursor(@Root() { liveCursor }: AlertsPage): string {
    return liveCursor;
  }
}
