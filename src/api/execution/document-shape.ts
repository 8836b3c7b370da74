/**
 * Checks the size of a document before validation, because validation compares every field with all others of the same
 * name. A fragment counts at every spread, and is measured once.
 */
import {
  Kind,
  OperationTypeNode,
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

import { ApiError } from '../types/api-error.js';
import type { Limits } from './limits.js';

interface Shape {
  readonly depth: number;
  readonly aliases: number;
  /** Fields of the selection itself. */
  readonly fields: number;
  readonly directives: number;
  /** Uses of @skip and @include in the selection itself. */
  readonly conditions: number;
}

const EMPTY: Shape = { depth: 0, aliases: 0, fields: 0, directives: 0, conditions: 0 };

/** Why the document is refused, with any of its operations; null: it may be validated. */
export function problemOfShape(document: DocumentNode, limits: Limits): ApiError | null {
  const measure = measurer(document);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const { depth, aliases, fields, directives, conditions } = measure(definition.selectionSet);
    const all = directives + (definition.directives?.length ?? 0);
    const problem =
      problemOf(depth, limits.depth, 'fields in depth') ??
      problemOf(aliases, limits.aliases, 'aliases and repeated fields') ??
      problemOf(fields, limits.rootFields, 'root fields') ??
      problemOf(all, limits.directives, 'directives');
    if (problem !== null) return problem;
    // Without its field it is no subscription; the rules of the library throw where that hangs on a variable.
    if (definition.operation === OperationTypeNode.SUBSCRIPTION && conditions > 0) {
      const message = 'The field of a subscription takes no @skip and no @include.';
      return new ApiError('GRAPHQL_VALIDATION_FAILED', message, 400);
    }
  }
  return null;
}

function problemOf(count: number, most: number, what: string): ApiError | null {
  if (count <= most) return null;
  const message = `The document has ${count} ${what}, and may have ${most}: ask for it in several requests.`;
  return new ApiError('LIMIT_EXCEEDED', message, 400);
}

function isCondition({ name }: DirectiveNode): boolean {
  return name.value === 'skip' || name.value === 'include';
}

function measurer(document: DocumentNode): (selections: SelectionSetNode) => Shape {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const each of document.definitions)
    if (each.kind === Kind.FRAGMENT_DEFINITION) fragments.set(each.name.value, each);
  const measured = new Map<string, Shape>();

  const ofFragment = (name: string): Shape => {
    const known = measured.get(name);
    if (known !== undefined) return known;
    // A fragment counts 0 while it is measured, so that a cycle ends. Validation refuses cycles later.
    measured.set(name, EMPTY);
    const fragment = fragments.get(name);
    const shape = fragment === undefined ? EMPTY : of(fragment.selectionSet);
    measured.set(name, shape);
    return shape;
  };

  const of = ({ selections }: SelectionSetNode): Shape => {
    const total = { ...EMPTY };
    const names = new Set<string>();
    for (const selection of selections) {
      let inner: Shape;
      if (selection.kind === Kind.FIELD) {
        const below = selection.selectionSet === undefined ? EMPTY : of(selection.selectionSet);
        const name = selection.alias?.value ?? selection.name.value;
        const repeats = selection.alias !== undefined || names.has(name) ? 1 : 0;
        names.add(name);
        inner = { ...below, depth: below.depth + 1, aliases: below.aliases + repeats, fields: 1, conditions: 0 };
      } else {
        inner = selection.kind === Kind.FRAGMENT_SPREAD ? ofFragment(selection.name.value) : of(selection.selectionSet);
      }
      total.depth = Math.max(total.depth, inner.depth);
      total.aliases += inner.aliases;
      total.fields += inner.fields;
      total.directives += inner.directives + (selection.directives?.length ?? 0);
      total.conditions += inner.conditions + (selection.directives?.filter(isCondition).length ?? 0);
    }
    return total;
  };
  return of;
}
