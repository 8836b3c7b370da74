import type { PGlite, QueryOptions, Transaction } from '@electric-sql/pglite';

/**
 * The adapter hands its parsers over with every query, and PGlite then copies its own, 370 of them, beside these: a
 * fifth of what a short query takes. Here they are joined once, and no query carries any.
 */
export function joinParsers(pglite: PGlite): PGlite {
  let joined: QueryOptions['parsers'];
  const joining = <T extends Pick<Transaction, 'query'>>(queried: T): T => {
    const query = queried.query.bind(queried);
    queried.query = (sql, values, { parsers, ...options } = {}) => {
      if (parsers !== undefined && parsers !== joined) Object.assign(pglite.parsers, (joined = parsers));
      return query(sql, values, options);
    };
    return queried;
  };
  const transaction = pglite.transaction.bind(pglite);
  pglite.transaction = (work) => transaction((tx) => work(joining(tx)));
  return joining(pglite);
}
