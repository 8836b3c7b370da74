/**
 * Marks: instants at which the leader had done all its work. They stand in the database of the servers, so that a
 * failover that loses commits loses the marks of what it lost, too.
 */
import type pg from 'pg';

export interface Mark {
  readonly id: number;
  /** The newest price batch; every account was evaluated at it. */
  readonly seq: bigint;
  /** The number of the last alert. */
  readonly alert: bigint;
  /** Of each account. */
  readonly versions: ReadonlyMap<string, number>;
  /** Machines by account: what was alerted last, by margin unit. */
  readonly machines: ReadonlyMap<string, readonly Machine[]>;
}

export interface Machine {
  /** "" or "BTCUSDT/LONG". */
  readonly unit: string;
  readonly status: string;
  readonly fired: readonly string[];
}

/** False: there was work to do, and no mark is set. */
export async function setMark(pool: pg.Pool): Promise<boolean> {
  await pool.query(`CREATE TABLE IF NOT EXISTS soak_marks (
    id serial PRIMARY KEY, seq bigint, alert bigint, versions jsonb, machines jsonb)`);
  // In one statement: one snapshot.
  const { rowCount } = await pool.query(
    `INSERT INTO soak_marks (seq, alert, versions, machines) SELECT
       done_round, last_alert, (SELECT jsonb_object_agg(id, version) FROM accounts),
       (SELECT COALESCE(jsonb_agg(jsonb_build_object('account', account_id, 'unit', level, 'status', status, 'fired', fired)), '[]')
        FROM alert_states)
     FROM duty WHERE NOT EXISTS (SELECT FROM outbox) AND done_round = (SELECT max(seq) FROM price_rounds)`,
  );
  return rowCount === 1;
}

interface Row {
  readonly id: number;
  readonly seq: string;
  readonly alert: string;
  readonly versions: Record<string, number>;
  readonly machines: (Machine & { readonly account: string })[];
}

export async function readMarks(pool: pg.Pool): Promise<Mark[]> {
  const { rows } = await pool.query<Row>('SELECT * FROM soak_marks ORDER BY id');
  return rows.map(({ id, seq, alert, versions, machines }) => {
    const byAccount = new Map<string, Machine[]>();
    for (const { account, ...machine } of machines)
      byAccount.set(account, [...(byAccount.get(account) ?? []), machine]);
    return {
      id,
      seq: BigInt(seq),
      alert: BigInt(alert),
      versions: new Map(Object.entries(versions)),
      machines: byAccount,
    };
  });
}
