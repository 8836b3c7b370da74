/** GraphiQL, with tabs that are ready to run; operations carry the headers that stand in its editor. */
import { demoTokens, socketUrl } from './api.js';
import { ACCOUNT_EXPLAINED, CHANGE_A_RATIO, LIVE_RATIOS, START, ratioChange } from './ready-tabs.js';

async function post(operation, headers) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(operation),
  });
  return response.json();
}

/** A browser sends no headers with a WebSocket: what is called Authorization in the editor goes into the first message. */
function subscribe(operation, headers) {
  const authorization = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  const client = graphqlWs.createClient({
    url: socketUrl(),
    retryAttempts: 0,
    connectionParams: authorization === undefined ? {} : { authorization },
  });
  return {
    subscribe(observer) {
      const unsubscribe = client.subscribe(operation, {
        next: observer.next,
        error: (error) => observer.error(error instanceof CloseEvent ? closed(error) : error),
        complete: observer.complete,
      });
      const stop = () => {
        unsubscribe();
        client.dispose();
      };
      return { unsubscribe: stop };
    },
  };
}

const closed = ({ code, reason }) => ({
  message: `The connection was closed: ${reason || 'no reason given'} (${code}).`,
});

function isSubscription({ operationName }, document) {
  const operations = document?.definitions.filter(({ kind }) => kind === 'OperationDefinition') ?? [];
  const run = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return run?.operation === 'subscription';
}

const fetcher = (operation, { headers = {}, documentAST } = {}) =>
  isSubscription(operation, documentAST) ? subscribe(operation, headers) : post(operation, headers);

/**
 * GraphiQL keeps its settings and history in the browser. What is in the tabs is left out: ids, versions and tokens of
 * yesterday's demo would be refused today.
 */
const FORGOTTEN = ['graphiql:tabState', 'graphiql:query', 'graphiql:variables', 'graphiql:headers'];
const storage = {
  getItem: (key) => (FORGOTTEN.includes(key) ? null : localStorage.getItem(key)),
  setItem: (key, value) => {
    if (!FORGOTTEN.includes(key)) localStorage.setItem(key, value);
  },
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => localStorage.clear(),
  get length() {
    return localStorage.length;
  },
};

const headersFor = (token) => ({ Authorization: `Bearer ${token ?? ''}` });
const json = (value) => JSON.stringify(value, null, 2);

const { trader, admin } = await demoTokens();
const start = trader === undefined ? undefined : (await post({ query: START }, headersFor(trader))).data;
const ids = start?.accounts.nodes.map(({ id }) => id) ?? [];

const tabs = [
  { query: ACCOUNT_EXPLAINED, headers: json(headersFor(trader)) },
  { query: LIVE_RATIOS, headers: json(headersFor(trader)), variables: json({ ids }) },
  {
    query: CHANGE_A_RATIO,
    headers: json(headersFor(admin)),
    variables: json(ratioChange(start?.collateralRatios ?? [])),
  },
];

const { createElement } = React;
const logo = createElement(
  GraphiQL.Logo,
  null,
  createElement(
    'a',
    { className: 'to-live', href: '/', title: 'Live margin ratios' },
    createElement('img', { src: '/page/mark.svg', alt: '', width: 22, height: 22 }),
    'Plimsoll',
  ),
);
ReactDOM.createRoot(document.getElementById('graphiql')).render(
  createElement(
    GraphiQL,
    {
      fetcher,
      storage,
      defaultTabs: tabs,
      defaultHeaders: tabs[0].headers,
      defaultEditorToolsVisibility: 'headers',
      shouldPersistHeaders: false,
    },
    logo,
  ),
);
