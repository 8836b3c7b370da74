/**
 * The kinds of rules in the API: of each rule that `versions/rules.ts` lists the file of its name, such as
 * margin-policy-changes.ts of MarginPolicy. Resolvers, the preview of a change and its input follow from them.
 */
import { RULES, type AnyRule } from '../../policy/versions/rules.js';
import type { RuleKind } from './rule-change.js';

export const RULE_KINDS: readonly RuleKind[] = (await Promise.all(RULES.map(kindsOf))).flat();

/** Without such a file no server starts. */
async function kindsOf({ kind }: AnyRule): Promise<readonly RuleKind[]> {
  const name = kind.replaceAll(/\B[A-Z]/g, '-$&').toLowerCase();
  const { KINDS } = (await import(`./${name}-changes.js`)) as { readonly KINDS?: readonly RuleKind[] };
  if (KINDS === undefined) throw new Error(`${name}-changes.ts exports no KINDS.`);
  return KINDS;
}
