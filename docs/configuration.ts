/** docs/configuration.md and .env.example, made from the tables that the server reads its environment by. */
import { LIMIT_VARIABLES } from '../src/api/execution/limits.js';
import { FACTS, VARIABLE_GROUPS, type Fallback, type Variable } from '../src/variables.js';

const HEAD = `# Configuration

<!-- Made from src/variables.ts and src/api/execution/limits.ts by "npm run build && npm run docs". Do not edit. -->

The server reads environment variables, and a file \`.env\` in its working directory (see
[\`.env.example\`](../.env.example)). Every variable is optional outside production. A value that cannot be used is refused
at start; one message names all of them.
`;

const LIMITS_HEAD = `## Limits

What one client may ask for or hold, the same over HTTP, WebSocket and server-sent events. More is LIMIT_EXCEEDED where
nothing else is said. The description of the schema says how costs are counted; \`extensions.cost\` of every answer to a
query or mutation says what it was.
`;

export function configurationPaper(): string {
  const groups = VARIABLE_GROUPS.map(([title, variables]) => {
    const rows = Object.entries(variables).map(([name, variable]) =>
      row(`\`${name}\``, defaultOf(variable), valuesOf(variable), variable.what),
    );
    return `## ${title}\n\n${table(['variable', 'default', 'values', 'what'], rows)}`;
  });
  const limits = [...LIMIT_VARIABLES].map(([name, { fallback, least, most, what }]) =>
    row(`\`${name}\``, number(fallback), `${number(least)} to ${number(most)}`, what),
  );
  return `${[HEAD, ...groups, LIMITS_HEAD + '\n' + table(['variable', 'default', 'values', 'what'], limits)].join('\n')}`;
}

function table(columns: readonly string[], rows: readonly string[]): string {
  return [row(...columns), row(...columns.map(() => '---')), ...rows, ''].join('\n');
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function defaultOf(variable: Variable): string {
  if (variable.fallback === null) return 'none';
  const { cases, otherwise }: Fallback<number | string> = variable.fallback;
  const written = (value: number | string): string => (typeof value === 'number' ? number(value) : `\`${value}\``);
  if (cases.length === 0) return written(otherwise);
  return `${cases.map(([fact, value]) => `${written(value)} ${FACTS[fact]}`).join(', ')}, else ${written(otherwise)}`;
}

function valuesOf(variable: Variable): string {
  switch (variable.kind) {
    case 'number': {
      const { least, most, whole, unit } = variable;
      return `${whole ? 'whole, ' : ''}${number(least)} to ${number(most)}${unit === null ? '' : ` ${unit}`}`;
    }
    case 'choice':
      return variable.choices.map((each) => `\`${each}\``).join(', ');
    case 'text':
      return variable.form;
    case 'url':
      return `a URL: ${variable.protocols.map((each) => `\`${each}//\``).join(' or ')}`;
  }
}

function number(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 3, useGrouping: value >= 10_000 });
}

/** Comments only: each line stands for the default, or for how a value looks. */
export function exampleEnvironment(): string {
  const groups = VARIABLE_GROUPS.map(([title, variables]) => {
    const lines = Object.entries(variables)
      .filter(([name]) => name !== 'NODE_ENV')
      .map(([name, variable]) => `# ${name}=${exampleOf(variable)}`);
    return [`# --- ${title}`, ...lines, ''].join('\n');
  });
  return [
    '# Copy to .env; every line is optional. A value here is the default of the demo, or how a value looks.',
    '# docs/configuration.md says what each is. Made by "npm run build && npm run docs"; do not edit.',
    '',
    ...groups,
    '# --- Limits',
    ...[...LIMIT_VARIABLES].map(([name, { fallback }]) => `# ${name}=${fallback}`),
    '',
  ].join('\n');
}

function exampleOf(variable: Variable): string {
  if (variable.kind === 'url') return variable.form;
  if (variable.fallback === null) return '';
  const { cases, otherwise }: Fallback<number | string> = variable.fallback;
  const ofDemo = cases.find(([fact]) => fact === 'demo' || fact === 'ownSecret');
  return String(ofDemo?.[1] ?? otherwise);
}
