/**
 * Checks an operation before it is executed: transport, variables, introspection, cost. Work under an idempotency key
 * that was used before is not charged again.
 */
import { OperationTypeNode, type DocumentNode, type GraphQLError } from 'graphql';

import type { Viewer } from '../../platform/tokens.js';
import { ApiError, badUserInput } from '../types/api-error.js';
import type { CostBudget } from './cost-budget.js';
import type { OperationCost } from '../documents/cost.js';
import { coded } from './errors.js';
import type { Variables } from '../documents/field-arguments.js';
import type { Limits } from './limits.js';
import type { Client, Operation } from './operation.js';
import type { PreparedDocument, PreparedOperation } from '../documents/prepared-document.js';

/** What is executed, and the cost charged for it. */
export interface Admitted {
  readonly cost: number;
  readonly operation: PreparedOperation;
  /** Coerced. */
  readonly variables: Variables;
}

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

/** The cost is then already taken from the budget. Otherwise the errors that refuse the operation. */
export type Admit = (
  operation: Operation,
  allowed: readonly OperationTypeNode[],
) => Promise<Admitted | readonly GraphQLError[]>;

export function createAdmission(
  prepare: (document: DocumentNode) => PreparedDocument,
  options: AdmissionOptions,
): Admit {
  const { limits, budget, accounts, usedKeys } = options;

  /** Leaves out the cost of work that was done under the same key before. */
  const chargeOf = async ({ total, keyed }: OperationCost, viewer: Viewer | null): Promise<number> => {
    if (viewer === null || keyed.length === 0) return total;
    const keys = keyed.map(({ key }) => key);
    const used = await usedKeys(viewer.subject, keys);
    return keyed.reduce((charge, { key, work }) => (used.has(key) ? charge - work : charge), total);
  };

  return async (asked, allowed) => {
    const { client } = asked;
    const document = prepare(asked.document);
    const operation = document.operationOf(asked.operationName);
    if (operation === null) return [operationNotNamed()];
    const kind = operation.node.operation;
    if (!allowed.includes(kind)) return [notSupported(kind)];
    // Only HTTP serves mutations: over the other transports an operation can get lost without an error.
    if (kind === OperationTypeNode.MUTATION && asked.transport !== 'http') return [notSupported(kind)];
    const { coerced: variables, errors } = operation.coerce(asked.variables);
    if (variables === undefined) return errors.map((error) => coded(error, 'BAD_USER_INPUT'));
    // Not part of validation: its result is kept by document, and who may introspect depends on the client.
    const hidden = mayIntrospect(client, options.introspection) ? null : document.introspectionProblem;
    if (hidden !== null) return [coded(hidden, 'GRAPHQL_VALIDATION_FAILED')];
    const cost = operation.costOf(variables, { viewer: client.viewer, accounts: accounts() });
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
    const wait = payer === null ? null : await budget.spend(payer, charge);
    return wait === null ? { cost: charge, operation, variables } : [spent(charge, wait, limits)];
  };
}

function mayIntrospect({ viewer }: Client, allowed: AdmissionOptions['introspection']): boolean {
  return allowed === 'all' || (allowed === 'tokens' && viewer !== null);
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
