/**
 * Checks an operation before it is executed: transport, variables, introspection, cost. Work under an idempotency key
 * that was used before is not charged again.
 */
import {
  NoSchemaIntrospectionCustomRule,
  OperationTypeNode,
  getOperationAST,
  getVariableValues,
  validate,
  type GraphQLError,
  type GraphQLSchema,
} from 'graphql';

import type { Viewer } from '../../platform/tokens.js';
import { ApiError, badUserInput } from '../types/api-error.js';
import type { CostBudget } from './cost-budget.js';
import { costOf, type OperationCost } from './cost.js';
import { coded } from './errors.js';
import type { Limits } from './limits.js';
import type { Client, Operation } from './operation.js';

export const MAX_ERRORS = 20;

/** The cost charged for an operation, or the errors that refuse it. */
export type Admitted = number | readonly GraphQLError[];

/** The client whose budget pays. Null, for the venue's own systems: they write as fast as their market moves. */
function payerOf({ viewer, address }: Client): string | null {
  if (viewer === null) return `address ${address}`;
  return viewer.roles.includes('SERVICE') ? null : `viewer ${viewer.subject}`;
}

export interface AdmissionOptions {
  /** Who may introspect the schema: every client, clients with a token, or none. */
  readonly introspection: 'all' | 'tokens' | 'none';
  readonly limits: Limits;
  readonly budget: CostBudget;
  /** The number of accounts that this server knows now. */
  readonly accounts: () => number;
  /** The idempotency keys among these that the viewer has used already. They have no second effect. */
  readonly usedKeys: (viewer: string, keys: readonly string[]) => Promise<ReadonlySet<string>>;
}

/** Returns the cost, which is then already taken from the budget. */
export type Admit = (operation: Operation, allowed: readonly OperationTypeNode[]) => Promise<Admitted>;

export function createAdmission(schema: GraphQLSchema, options: AdmissionOptions): Admit {
  const { limits, budget, accounts, usedKeys } = options;

  /** Leaves out the cost of work that was done under the same key before. */
  const chargeOf = async ({ total, keyed }: OperationCost, viewer: Viewer | null): Promise<number> => {
    if (viewer === null || keyed.length === 0) return total;
    const keys = keyed.map(({ key }) => key);
    const used = await usedKeys(viewer.subject, keys);
    return keyed.reduce((charge, { key, work }) => (used.has(key) ? charge - work : charge), total);
  };

  return async (operation, allowed) => {
    const problems = check(schema, operation, allowed);
    if (problems.length > 0) return problems;
    const hidden = introspectionProblems(schema, operation, options.introspection);
    if (hidden.length > 0) return hidden;
    const { document, operationName, variables, client } = operation;
    const basis = { viewer: client.viewer, accounts: accounts() };
    const cost = costOf(schema, document, operationName, variables ?? {}, basis);
    if (cost === null) return [tooDear(null, limits)];
    let charge: number;
    try {
      charge = await chargeOf(cost, client.viewer);
    } catch {
      // The mutation asks the same database: it fails by itself, is logged there, and answers as every other one does.
      charge = cost.total;
    }
    if (charge > limits.cost) return [tooDear(charge, limits)];
    const payer = payerOf(client);
    if (payer === null) return charge;
    const wait = await budget.spend(payer, charge);
    return wait === null ? charge : [spent(charge, wait, limits)];
  };
}

function check(
  schema: GraphQLSchema,
  operation: Operation,
  allowed: readonly OperationTypeNode[],
): readonly GraphQLError[] {
  const node = getOperationAST(operation.document, operation.operationName ?? undefined);
  if (node == null) return [operationNotNamed()];
  if (!allowed.includes(node.operation)) return [notSupported(node.operation)];
  // Only HTTP serves mutations: over the other transports an operation can get lost without an error.
  if (node.operation === OperationTypeNode.MUTATION && operation.transport !== 'http') {
    return [notSupported(node.operation)];
  }
  const variables = getVariableValues(schema, node.variableDefinitions ?? [], operation.variables ?? {}, {
    maxErrors: MAX_ERRORS,
  });
  return variables.errors?.map((error) => coded(error, 'BAD_USER_INPUT')) ?? [];
}

/** Not part of validation: its result is cached by document, and introspection depends on the client. */
function introspectionProblems(
  schema: GraphQLSchema,
  { document, client }: Operation,
  allowed: AdmissionOptions['introspection'],
): readonly GraphQLError[] {
  if (allowed === 'all' || (allowed === 'tokens' && client.viewer !== null)) return [];
  // One error is enough: they all say the same.
  const [problem] = validate(schema, document, [NoSchemaIntrospectionCustomRule]);
  return problem === undefined ? [] : [coded(problem, 'GRAPHQL_VALIDATION_FAILED')];
}

export function operationNotNamed(): ApiError {
  return badUserInput('Expected one operation in the document, or `operationName` to say which one of them.');
}

function notSupported(operation: OperationTypeNode): ApiError {
  const message =
    operation === OperationTypeNode.SUBSCRIPTION
      ? 'Subscriptions are served over WebSocket, with the subprotocol graphql-transport-ws, on the path /graphql, and ' +
        'as server-sent events on /graphql/stream.'
      : 'Mutations are served over HTTP POST, on the path /graphql.';
  return new ApiError('OPERATION_NOT_SUPPORTED', message, 400);
}

function tooDear(cost: number | null, { cost: most }: Limits): ApiError {
  const message = `The operation would cost ${cost ?? 'more than can be counted'}, and may cost ${most}: ask for fewer at a time, or for less of each.`;
  return new ApiError('LIMIT_EXCEEDED', message, 400, { extensions: cost === null ? {} : { cost } });
}

function spent(cost: number, seconds: number, { costPerMinute }: Limits): ApiError {
  const message = `One viewer may spend ${costPerMinute} in a minute, and too little of it is left for the ${cost} that this costs: try again in ${seconds} s.`;
  return new ApiError('RATE_LIMITED', message, 429, {
    extensions: { cost, retryAfter: seconds },
    headers: { 'retry-after': String(seconds) },
  });
}
