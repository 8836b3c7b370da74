/** Filters that lists of what has happened share. */
import { ArgsType, Field } from 'type-graphql';

import type { TimeRange } from '../../platform/database/sequence-pages.js';
import { badUserInput } from './api-error.js';
import type { CostArguments } from './cost.js';
import { PageArgs } from './pagination.js';
import { DateTimeScalar } from './scalars.js';

export const ONLY_KINDS = 'Only of these kinds, at least one; null: of all.';

/** Arguments of a list of what has happened. */
@ArgsType()
export class TimedPageArgs extends PageArgs {
  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Only what was recorded at this instant or later; null: from the beginning.',
  })
  readonly from?: Date | null;

  @Field(() => DateTimeScalar, {
    nullable: true,
    description: 'Only what was recorded before this instant, which lies after `from`; null: up to now.',
  })
  readonly to?: Date | null;
}

/** Paid once for a page that is looked for: its rows need not stand beside each other. */
export const FILTERED_PAGE = 20;
const OF_EVERY_PAGE = new Set(['first', 'last', 'after', 'before', 'accountIds']);

export function costOfFilters(args: CostArguments): number {
  const isFiltered = Object.entries(args).some(([name, value]) => value != null && !OF_EVERY_PAGE.has(name));
  return isFiltered ? FILTERED_PAGE : 0;
}

export function timesOf({ from = null, to = null }: TimedPageArgs): TimeRange {
  if (from !== null && to !== null) requireOrder(from, to);
  return { from, to };
}

/** Refuses times that end where they begin, or before. */
export function requireOrder(from: Date, to: Date): void {
  if (from < to) return;
  throw badUserInput(`Expected \`from\` before \`to\`, got ${from.toISOString()} and ${to.toISOString()}.`);
}

/** Null: of all kinds. */
export function kindsOf<K extends string>(kinds: readonly K[] | null | undefined): K[] | null {
  if (kinds == null) return null;
  if (kinds.length === 0) throw badUserInput('Expected at least one kind in `kinds`, or null for all.');
  return [...new Set(kinds)];
}
