/**
 * Statements that every session prepares once. Each begins with this comment. Only for one whose text never changes, and
 * whose best plan does not hang on its parameters.
 */
const PREPARED = '/* prepared */';
const names = new Map<string, string>();

/** The name under which sessions prepare a statement; empty: they do not. */
export function preparedName({ sql }: { readonly sql: string }): string {
  if (!sql.startsWith(PREPARED)) return '';
  const name = names.get(sql) ?? `plimsoll_${names.size}`;
  names.set(sql, name);
  return name;
}
