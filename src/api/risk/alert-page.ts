/** Pages of alerts, newest first, each with the cursor of the instant at which it was read. */
import { FieldResolver, Resolver, Root } from 'type-graphql';

import type { AlertRecord } from '../../risk/alerts/alert-records.js';
import type { Context } from '../execution/context.js';
import { pageOf, type Page } from '../types/pagination.js';
import { ALERT_LIST, alertCursorParts, alertPlace, writeAlertCursor } from './alert-cursor.js';
import { Alerts } from './risk-alert.js';

export type AlertsPage = Page<AlertRecord> & { readonly liveCursor: string };

/** @param read up to `limit` alerts below a number */
export async function alertPage(
  { seal, loaders }: Context,
  first: number | null,
  after: string | null | undefined,
  read: (before: bigint, limit: number) => Promise<readonly AlertRecord[]>,
): Promise<AlertsPage> {
  // Read before the page, and the page ends there: a stream from `liveCursor` leaves nothing out and repeats nothing.
  const last = await loaders.lastAlert();
  const page = await pageOf({
    ...{ seal, list: ALERT_LIST, first, after },
    cursorOf: ({ seq }: AlertRecord) => alertCursorParts(seq),
    read: (cursor, limit) => read(cursor === null ? last + 1n : alertPlace(cursor).seq, limit),
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
