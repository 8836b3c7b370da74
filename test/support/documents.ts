/** Random documents over a schema. */
import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';

/** Draws numbers below a bound, one after the other. */
export type Draw = (bound: number) => number;

export function drawing(seed: number): Draw {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

const pick = <T>(from: readonly T[], draw: Draw): T => from[draw(from.length)] as T;

function literal(type: GraphQLInputType, draw: Draw): string {
  if (isNonNullType(type)) return literal(type.ofType, draw);
  if (isListType(type)) return `[${Array.from({ length: draw(4) }, () => literal(type.ofType, draw)).join(', ')}]`;
  if (isEnumType(type)) return pick(type.getValues(), draw).name;
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter((field) => isNonNullType(field.type) || draw(3) === 0);
    return `{${fields.map((field) => `${field.name}: ${literal(field.type, draw)}`).join(', ')}}`;
  }
  const scalars: Record<string, () => string> = {
    Int: () => String(draw(200)),
    Boolean: () => String(draw(2) === 0),
    Decimal: () => `"${draw(100)}.5"`,
    DateTime: () => '"2026-01-01T00:00:00Z"',
  };
  return scalars[type.name]?.() ?? `"x${draw(3)}"`;
}

/** A document over the schema, in which arguments may be variables, and fields may be in fragments and conditions. */
export class DocumentGenerator {
  private readonly declared: string[] = [];
  private readonly fragments: string[] = [];
  private left = 60;
  private aliases = 0;

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly draw: Draw,
  ) {}

  document(kind: string): string {
    const root = kind === 'query' ? this.schema.getQueryType() : this.schema.getMutationType();
    if (root == null) throw new Error('Expected a root.');
    const fields = this.selections(root, 1).replace('{', '{ yes: __typename @include(if: $yes)');
    const declared = ['$yes: Boolean = true', ...this.declared].join(', ');
    return `${kind} Asked(${declared}) ${fields} ${this.fragments.join(' ')}`;
  }

  private selections(type: GraphQLCompositeType, depth: number): string {
    const { draw } = this;
    const fields =
      isObjectType(type) || !isAbstractType(type) || 'getFields' in type ? Object.values(type.getFields()) : [];
    const parts = ['__typename'];
    for (let count = draw(5); count >= 0 && fields.length > 0 && --this.left > 0; count--) {
      const field = pick(fields, draw);
      const named = getNamedType(field.type);
      if (isCompositeType(named) && depth > 5) continue;
      const below = isCompositeType(named) ? ` ${this.selections(named, depth + 1)}` : '';
      parts.push(`f${this.aliases++}: ${field.name}${this.args(field.args)}${this.condition()}${below}`);
    }
    if (isAbstractType(type) && depth < 5) {
      for (const possible of this.schema.getPossibleTypes(type).slice(0, 1 + draw(4))) {
        parts.push(`... on ${possible.name}${this.condition()} ${this.selections(possible, depth + 1)}`);
      }
    }
    if (draw(4) === 0) parts.push(`...${this.condition()} { again: __typename }`);
    if (draw(4) === 0 && depth < 5) {
      const name = `F${this.fragments.length}`;
      this.fragments.push('');
      this.fragments[Number(name.slice(1))] = `fragment ${name} on ${type.name} ${this.selections(type, depth + 1)}`;
      parts.push(`...${name}${this.condition()}`, `...${name}`);
    }
    return `{ ${parts.join(' ')} }`;
  }

  private condition(): string {
    const chosen = this.draw(12);
    if (chosen > 3) return '';
    return [' @skip(if: $yes)', ' @include(if: $yes)', ' @skip(if: true)', ' @include(if: false)'][chosen] ?? '';
  }

  private args(args: readonly GraphQLArgument[]): string {
    const { draw } = this;
    const given = args.filter(({ type }) => isNonNullType(type) || draw(2) === 0);
    const texts = given.map(({ name, type }) => {
      if (draw(2) === 0) return `${name}: ${literal(type, draw)}`;
      const variable = `$v${this.declared.length}`;
      this.declared.push(`${variable}: ${String(type)} = ${literal(type, draw)}`);
      return `${name}: ${variable}`;
    });
    return texts.length === 0 ? '' : `(${texts.join(', ')})`;
  }
}
