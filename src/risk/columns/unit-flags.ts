/** What `valueUnits` says of a margin unit beside its intervals, as bits of one number. */

/** A debt, a position or what orders require has no price: nothing is sure. */
export const UNKNOWN = 1;
/** A positive balance that may count for more than 0 has no price: the margin balance is without it. */
export const LOWER_BOUND = 2;
/** There is a position, or a debt or order for which the policy requires margin. */
export const REQUIRES = 4;
/** Something is owed. */
export const OWES = 8;
