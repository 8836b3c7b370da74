/**
 * What the execution of an operation needs, found once for all requests of a document: which fields an object answers,
 * in which order, by which resolvers, and of which types. graphql-js finds it anew at every request.
 *
 * A plan is made as far as answers go: the fields of an object are planned when the first such object is answered.
 */
import {
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  GraphQLID,
  GraphQLString,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  typeFromAST,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type InlineFragmentNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

import { isLeftOut } from './conditions.js';
import { argumentsOf, type Arguments, type Variables } from './field-arguments.js';

type Field = GraphQLField<unknown, unknown>;
type Resolve = GraphQLFieldResolver<unknown, unknown, Arguments>;

/** How the value of a field is completed. */
export type Shape = LeafShape | ListShape | ObjectShape | AbstractShape;

export interface LeafShape {
  readonly kind: 'leaf';
  readonly isNonNull: boolean;
  readonly type: GraphQLLeafType;
  /** Whether a string is answered as it is. */
  readonly isText: boolean;
}

interface ListShape {
  readonly kind: 'list';
  readonly isNonNull: boolean;
  readonly item: Shape;
}

export interface ObjectShape {
  readonly kind: 'object';
  readonly isNonNull: boolean;
  readonly type: GraphQLObjectType;
  /** Null: no such object has been answered yet. */
  fields: readonly FieldPlan[] | null;
}

export interface AbstractShape {
  readonly kind: 'abstract';
  readonly isNonNull: boolean;
  readonly type: GraphQLAbstractType;
  /** By the type of the object; of the types that have been answered. */
  readonly fields: Map<GraphQLObjectType, readonly FieldPlan[]>;
}

/** One name in the answer. */
export interface FieldPlan {
  readonly name: string;
  readonly parent: GraphQLObjectType;
  readonly field: Field;
  /** The places of the document that ask for it. */
  readonly nodes: readonly FieldNode[];
  readonly argumentsOf: (variables: Variables) => Arguments;
  /** Null: the property of its name. */
  readonly resolve: Resolve | null;
  readonly shape: Shape;
  /** The shape of a scalar that no resolver computes; null: it is no such field. */
  readonly leaf: LeafShape | null;
}

/** The plan of an operation for one choice of its conditions. */
export class OperationPlan {
  /** Fields that have been planned. */
  size = 0;
  private roots: readonly FieldPlan[] | null = null;

  /** @param conditions the variables of @skip and @include, coerced */
  constructor(
    readonly schema: GraphQLSchema,
    readonly operation: OperationDefinitionNode,
    readonly fragments: Record<string, FragmentDefinitionNode>,
    private readonly conditions: Variables,
  ) {}

  get rootFields(): readonly FieldPlan[] {
    if (this.roots === null) {
      const root = this.schema.getRootType(this.operation.operation);
      if (root == null) throw new Error(`The schema has no ${this.operation.operation}.`);
      this.roots = this.fieldsOf(root, [this.operation.selectionSet]);
    }
    return this.roots;
  }

  /** The fields of an object that a field answers. */
  fieldsBelow(type: GraphQLObjectType, { nodes }: FieldPlan): readonly FieldPlan[] {
    return this.fieldsOf(
      type,
      nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
    );
  }

  private fieldsOf(type: GraphQLObjectType, sets: readonly SelectionSetNode[]): readonly FieldPlan[] {
    const nodes = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    for (const set of sets) this.collect(type, set, nodes, spread);
    const plans: FieldPlan[] = [];
    for (const [name, [first, ...others]] of nodes) {
      const field = first === undefined ? undefined : this.fieldOf(type, first);
      if (first === undefined || field === undefined) continue;
      if (type.isTypeOf != null) throw new Error(`Expected no isTypeOf of ${type.name}.`);
      const [resolve, shape] = [field.resolve ?? null, shapeOf(field.type)];
      const leaf = resolve === null && shape.kind === 'leaf' ? shape : null;
      const read = argumentsOf(field, first);
      plans.push({ name, parent: type, field, nodes: [first, ...others], argumentsOf: read, resolve, shape, leaf });
    }
    this.size += plans.length;
    return plans;
  }

  private fieldOf(type: GraphQLObjectType, { name: { value } }: FieldNode): Field | undefined {
    if (value === TypeNameMetaFieldDef.name) return TypeNameMetaFieldDef;
    if (type === this.schema.getQueryType()) {
      if (value === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
      if (value === TypeMetaFieldDef.name) return TypeMetaFieldDef;
    }
    return type.getFields()[value];
  }

  /** The fields by their names in the answer, in the order of the document. */
  private collect(
    type: GraphQLObjectType,
    { selections }: SelectionSetNode,
    nodes: Map<string, FieldNode[]>,
    spread: Set<string>,
  ): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const { value } = selection.name;
        if (spread.has(value) || isLeftOut(selection, this.conditions)) continue;
        spread.add(value);
        const fragment = this.fragments[value];
        if (fragment !== undefined && this.isOf(type, fragment))
          this.collect(type, fragment.selectionSet, nodes, spread);
      } else if (isLeftOut(selection, this.conditions)) {
        continue;
      } else if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        const known = nodes.get(name);
        if (known === undefined) nodes.set(name, [selection]);
        else known.push(selection);
      } else if (this.isOf(type, selection)) {
        this.collect(type, selection.selectionSet, nodes, spread);
      }
    }
  }

  private isOf(type: GraphQLObjectType, { typeCondition }: InlineFragmentNode | FragmentDefinitionNode): boolean {
    if (typeCondition === undefined) return true;
    const on = typeFromAST(this.schema, typeCondition);
    return on === type || (isAbstractType(on) && this.schema.isSubType(on, type));
  }
}

function shapeOf(type: GraphQLOutputType, isNonNull = false): Shape {
  if (isNonNullType(type)) return shapeOf(type.ofType, true);
  if (isListType(type)) return { kind: 'list', isNonNull, item: shapeOf(type.ofType) };
  if (isLeafType(type)) return { kind: 'leaf', isNonNull, type, isText: type === GraphQLString || type === GraphQLID };
  if (isAbstractType(type)) return { kind: 'abstract', isNonNull, type, fields: new Map() };
  return { kind: 'object', isNonNull, type, fields: null };
}
