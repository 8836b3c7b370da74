/** The audits of graphql-http: the specification "GraphQL over HTTP", clause by clause, without a token. */
import { expect, test } from '@jest/globals';
import { auditServer } from 'graphql-http';

import { productUrl } from './product.js';

/** The clauses that the server does not follow, and why; what MUST be is not among them. */
const DEVIATIONS = {
  // MAY: a GET that any page of another site could send is refused (CSRF); with a header that a form cannot set, it passes.
  '5A70': 'notice',
  D6D5: 'notice',
  '6A70': 'notice',
  // SHOULD: an operation that never ran is a 400, whatever the answer is accepted as, so that proxies and logs see it too.
  '572B': 'warn',
  FDE2: 'warn',
  '7B9B': 'warn',
};

const notOk = (results) =>
  Object.fromEntries(results.filter(({ status }) => status !== 'ok').map(({ id, status }) => [id, status]));

test('all 61 clauses but for the deviations that docs/clients.md names', async () => {
  const results = await auditServer({ url: productUrl(), fetchFn: fetch });
  expect(results).toHaveLength(61);
  expect(notOk(results)).toEqual(DEVIATIONS);
});

test('requests by GET keep all their clauses with the header that shows them to be no form', async () => {
  const fetchFn = (url, init) =>
    fetch(url, { ...init, headers: { ...init?.headers, 'apollo-require-preflight': 'true' } });
  const expected = Object.fromEntries(Object.entries(DEVIATIONS).filter(([, status]) => status !== 'notice'));
  expect(notOk(await auditServer({ url: productUrl(), fetchFn }))).toEqual(expected);
});
