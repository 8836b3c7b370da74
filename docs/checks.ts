/** What has to hold between the papers and the code: links, cited rules, and the lines of the log. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Papers that link to each other, from the root of the package. */
const PAPERS = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];

/** All problems, each with the file that it is in. */
export function problemsOfPapers(root: string): string[] {
  const papers = [...PAPERS, ...filesOf(root, 'docs', '.md'), ...filesOf(root, 'prisma', '.md')];
  const sources = filesOf(root, 'src', '.ts').filter((file) => !file.startsWith('src/platform/prisma/'));
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  return [
    ...papers.flatMap((paper) => problemsOfLinks(root, paper, read(paper))),
    ...sources.flatMap((source) => problemsOfRules(source, read(source), read('docs/rules.md'))),
    ...problemsOfLog(new Map(sources.map((source) => [source, read(source)])), read('docs/operations.md')),
  ];
}

function filesOf(root: string, folder: string, ending: string): string[] {
  const found = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return found.filter((file) => file.endsWith(ending)).map((file) => join(folder, file));
}

/**
 * Links to files that are not there, and to headings that no file has; paths of the code in `backticks` that are none.
 * Addresses on the web are not looked up.
 */
export function problemsOfLinks(root: string, paper: string, text: string): string[] {
  const named = [...text.matchAll(/`((?:src|test|prisma|docs|bench)\/[\w./-]+)`/g)].flatMap(([, path = '']) =>
    existsSync(join(root, path)) ? [] : [`${paper}: no file ${path}`],
  );
  const linked = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? paper : join(dirname(paper), path);
    if (!existsSync(join(root, file)) || file.startsWith('..')) return [`${paper}: no file ${target}`];
    if (anchor === undefined || anchorsOf(readFileSync(join(root, file), 'utf8')).has(anchor)) return [];
    return [`${paper}: no heading ${target}`];
  });
  return [...named, ...linked];
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ +(.+)$/gm)];
  return new Set(
    headings.map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Rules that a comment cites, "(rules: 2 and 13)", and that docs/rules.md does not have as "## 2. Prices". */
export function problemsOfRules(source: string, code: string, rules: string): string[] {
  const known = new Set([...rules.matchAll(/^##+ (\d+)\b/gm)].map(([, number]) => number));
  const comments = [...code.matchAll(/\/\*[\s\S]*?\*\/|\/\/.*(?:\n\s*\/\/.*)*/g)]
    .map(([comment]) => comment.replace(/\n\s*(?:\*|\/\/)/g, ' '))
    .join('\n');
  return [...comments.matchAll(/\brules: (\d[\d, andto-]*)/g)].flatMap(([cited, list = '']) =>
    numbersIn(list).flatMap((number) =>
      known.has(String(number)) ? [] : [`${source}: "${cited.trim()}", and docs/rules.md has no section ${number}`],
    ),
  );
}

/** Of "1 and 6", "2, 3", "9-12" and "3 to 6". */
function numbersIn(list: string): number[] {
  return [...list.matchAll(/(\d+)(?:(?:-| to )(\d+))?/g)].flatMap(([, from, to = from]) =>
    Array.from({ length: Number(to) - Number(from) + 1 }, (_each, index) => Number(from) + index),
  );
}

/**
 * Lines of the levels error and warn, and problems of readiness, that docs/operations.md does not name in its tables;
 * and those that it names and that are none any more.
 */
export function problemsOfLog(sources: ReadonlyMap<string, string>, operations: string): string[] {
  const named = new Set(
    [...operations.matchAll(/^\| `([^`]+)` \| (?:error|warn|503|degraded(?: or 503)?) \|/gm)].map(
      ([, line = '']) => line,
    ),
  );
  const written = [...sources].flatMap(([source, code]) => linesOf(code).map((line) => ({ source, line })));
  const unnamed = written.filter(({ line }) => !named.has(line));
  const gone = [...named].filter((line) => written.every((each) => each.line !== line));
  return [
    ...unnamed.map(({ source, line }) => `${source}: docs/operations.md does not name ${JSON.stringify(line)}`),
    ...gone.map((line) => `docs/operations.md: no code writes ${JSON.stringify(line)}`),
  ];
}

const LOGGED = /\blog\??\.(?:error|warn)\(|\blog\[[^\]]*'(?:error|warn)'[^\]]*\]\(/g;
/** A literal, or several in a sum, at the end of the arguments. */
const MESSAGE = /(?:(?:'[^'\n]*'|"[^"\n]*")\s*\+?\s*)+,?\s*$/;
/** Where a part names a problem, and the one that readiness finds itself. */
const PROBLEM = /\bproblems(?:\.add\(\s*|\.unshift\(\{ name: )'([A-Z_]+)'/g;

/** The messages of one file; a line whose message is no literal of the call stands as a problem of its own. */
function linesOf(code: string): string[] {
  const logged = [...code.matchAll(LOGGED)].map(({ 0: call, index }) => {
    const [message] = MESSAGE.exec(argumentsAt(code, index + call.length)) ?? [];
    return message === undefined ? `${call}...) without a literal message` : textOf(message);
  });
  return [...logged, ...[...code.matchAll(PROBLEM)].map(([, problem = '']) => problem)];
}

/** Up to the parenthesis that closes the call. */
function argumentsAt(code: string, start: number): string {
  let depth = 1;
  let end = start;
  for (; depth > 0 && end < code.length; end++) {
    if (code[end] === '(') depth += 1;
    else if (code[end] === ')') depth -= 1;
  }
  return code.slice(start, end - 1);
}

function textOf(literals: string): string {
  return [...literals.matchAll(/'([^'\n]*)'|"([^"\n]*)"/g)].map(([, single, double]) => single ?? double).join('');
}
