/** What @skip and @include do to a selection. */
import { GraphQLIncludeDirective, GraphQLSkipDirective, getDirectiveValues, type SelectionNode } from 'graphql';

import type { Variables } from './field-arguments.js';

/** The names of the directives that leave out a selection. */
export const CONDITIONS: readonly string[] = [GraphQLSkipDirective.name, GraphQLIncludeDirective.name];

export function hasCondition({ directives = [] }: SelectionNode): boolean {
  return directives.some(({ name }) => CONDITIONS.includes(name.value));
}

/** @param variables coerced; those of other directives may lack */
export function isLeftOut(node: SelectionNode, variables: Variables): boolean {
  return (
    hasCondition(node) &&
    (getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] === true ||
      getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] === false)
  );
}
