/**
 * Who changed which rule, or tried to, when and why. The entry of a change is written in the change's transaction, that
 * of a refusal in its own. The database refuses to change or delete an entry.
 */
import type { Database, Transaction } from '../../platform/database/database.js';
import { jsonTextOf, storedJson } from '../../platform/stored-json.js';
import { isStorable } from '../../platform/text.js';

/** A change, or an attempt at one. */
export interface AuditFact {
  /** Subject of the token. */
  readonly actor: string;
  /** The mutation. */
  readonly action: string;
  /** Type and local id, such as "CollateralRatio:018f…"; null: the change has no stored subject. */
  readonly subject: string | null;
  /** The subject as people read it: "ASTER/BNB_CHAIN/LISTA". */
  readonly subjectKey: string;
  readonly reason: string | null;
  readonly at: Date;
}

/** Why something was refused. */
interface Problem {
  readonly code: string;
  readonly message: string;
}

export interface AuditEntry {
  readonly seq: bigint;
  readonly actor: string;
  readonly action: string;
  readonly done: boolean;
  readonly subject: string | null;
  readonly subjectKey: string;
  /** JSON text. */
  readonly before: string | null;
  readonly after: string | null;
  readonly reason: string | null;
  readonly at: Date;
}

/** Entries of refusals a minute, by actor and process, so that refused requests cannot fill the database. */
export const REFUSALS_A_MINUTE = 60;
const MINUTE_MS = 60_000;

const MAX_KEY = 300;
const MAX_REASON = 1_000;
/** Characters kept of the input of a refused mutation. */
const MAX_INPUT = 4_000;

export class Audit {
  private minute = -Infinity;
  /** Refusals in this minute, by actor. */
  private readonly refusals = new Map<string, number>();

  constructor(private readonly db: Database) {}

  /** Call in the transaction of the change. */
  async done(tx: Transaction, fact: AuditFact, before: unknown, after: unknown): Promise<void> {
    await insert(tx, fact, true, before, after);
  }

  /** Call outside a transaction: the refused change is rolled back, and this entry must stay. */
  async refused(fact: AuditFact, refusals: readonly Problem[], asked: unknown): Promise<void> {
    const count = this.count(fact);
    if (count > REFUSALS_A_MINUTE + 1) return;
    if (count <= REFUSALS_A_MINUTE) {
      const errors = refusals.map(({ code, message }) => ({ code, message }));
      await insert(this.db, fact, false, null, { errors, ...bounded(asked) });
      return;
    }
    const until = new Date((this.minute + 1) * MINUTE_MS).toISOString();
    const reason = `More than ${REFUSALS_A_MINUTE} refusals in a minute: more of this actor are dropped until ${until}.`;
    await insert(this.db, { ...fact, subject: null, subjectKey: '', reason }, false, null, null);
  }

  /** The number of the actor's refusals in this minute, including this one. */
  private count({ actor, at }: AuditFact): number {
    const minute = Math.floor(at.getTime() / MINUTE_MS);
    if (minute > this.minute) {
      this.minute = minute;
      this.refusals.clear();
    }
    const count = (this.refusals.get(actor) ?? 0) + 1;
    this.refusals.set(actor, count);
    return count;
  }
}

/** Newest first. */
export async function readAuditEntries(
  db: Database,
  page: { readonly before: bigint | null; readonly limit: number; readonly subject: string | null },
): Promise<AuditEntry[]> {
  const rows = await db.auditEntry.findMany({
    where: {
      ...(page.before === null ? {} : { seq: { lt: page.before } }),
      ...(page.subject === null ? {} : { subject: page.subject }),
    },
    orderBy: { seq: 'desc' },
    take: page.limit,
  });
  return rows.map(auditEntry);
}

export async function readAuditEntry(db: Database, seq: bigint): Promise<AuditEntry | null> {
  const row = await db.auditEntry.findUnique({ where: { seq } });
  return row === null ? null : auditEntry(row);
}

type AuditRow = Awaited<ReturnType<Database['auditEntry']['findMany']>>[number];

function auditEntry(row: AuditRow): AuditEntry {
  return { ...row, before: jsonTextOf(row.before), after: jsonTextOf(row.after) };
}

async function insert(
  db: Database | Transaction,
  fact: AuditFact,
  done: boolean,
  before: unknown,
  after: unknown,
): Promise<void> {
  await db.auditEntry.create({
    data: {
      ...fact,
      done,
      subjectKey: storable(fact.subjectKey, MAX_KEY),
      reason: fact.reason === null ? null : storable(fact.reason, MAX_REASON),
      before: storedJson(before),
      after: storedJson(after),
    },
  });
}

/** Cuts a client's text to the length that is kept, and escapes a text that cannot be stored. */
function storable(text: string, longest: number): string {
  const start = text.slice(0, longest);
  return isStorable(start) ? start : JSON.stringify(start);
}

function bounded(asked: unknown): { readonly asked?: unknown } {
  if (asked === undefined) return {};
  return JSON.stringify(asked).length <= MAX_INPUT ? { asked } : { asked: 'More than is kept of what is refused.' };
}
