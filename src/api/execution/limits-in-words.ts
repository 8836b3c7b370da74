/** The limits, and how costs are counted, for the description of the schema. */
import { FILTERED_PAGE } from '../types/page-filters.js';
import { ACCOUNTS_PER_UNIT, TRANSACTION } from '../types/cost.js';
import type { Limits } from './limits.js';

/** The part of the schema's description on limits and costs. */
export function limitsInWords(limits: Limits): string {
  const { bodyBytes, serviceBodyBytes, tokens, depth, aliases, rootFields, directives, cost } = limits;
  const { read, compared } = ACCOUNTS_PER_UNIT;
  const {
    costPerMinute,
    operationSeconds,
    writesPerViewer,
    connectionsPerViewer,
    operationsPerSocket,
    messagesPerSecond,
  } = limits;
  return `The margin state of trading portfolios.

Limits, as they are by default, the same over HTTP, WebSocket and server-sent events; more is LIMIT_EXCEEDED where nothing
else is said:
- a body of ${bodyBytes} bytes, of SERVICE ${serviceBodyBytes};
- a document of ${tokens} tokens (GRAPHQL_PARSE_FAILED), ${depth} fields in depth, ${aliases} aliases and repeated fields, ${rootFields} root
  fields and ${directives} directives;
- a cost of ${cost} for one operation, said in \`extensions.cost\` of its answer: 1 for every scalar; 20 for a margin state,
  a liquidation price, or what can be taken out; 50 for a simulation, times its changes, for the largest
  size, for a past state and for each point of a history; 20 for every shock of a stress test; 400 for a portfolio; ${FILTERED_PAGE} for a
  filtered page of ledger, fills or alerts, and for a count of alerts; all of it times the sizes of the lists that it is in:
  the number of ids or items asked for, or \`last\`, or \`first\`, or 10;
- beside it, once for a root field: ${TRANSACTION} for a mutation, but for the batches of SERVICE; 1 for every ${read} accounts that
  the server knows for \`riskOverview\`, and for \`accounts\` by RISK_DESC or of a status, but not of one owner or name; 1 for
  every ${compared} for a preview of changes, and for a change that stores its impact. The work of a
  mutation whose key was used before is not done again, and costs nothing;
- a cost of ${costPerMinute} for one viewer in a minute, but for SERVICE (RATE_LIMITED, with the seconds to wait in
  \`extensions.retryAfter\`; over HTTP status 429 with Retry-After); a subscription is paid for once, when it is opened;
- ${operationSeconds} seconds for an operation (SERVICE_UNAVAILABLE; a mutation may take effect all the same);
- ${writesPerViewer} writes of one trader at work, and ten times as many behind them (RATE_LIMITED);
- ${connectionsPerViewer} WebSockets and event streams of one viewer, ${operationsPerSocket} operations at a time and ${messagesPerSecond} messages a second
  on a WebSocket.`;
}
