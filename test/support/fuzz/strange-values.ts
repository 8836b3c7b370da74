/** What stands in operations that are wrong; values are literals of the language. */
const quoted = (...texts: string[]): string[] => texts.map((text) => JSON.stringify(text));

export const OTHER_TYPES = [
  ...['true', '5', '-1.5', '"x"', '[]', '{}', 'NOTHING', '[[["x"]]]', '{a: {b: [1]}}', '"5"', '"2026-01-01T00:00:00Z"'],
  ...['{__proto__: "x"}', '{constructor: {prototype: 1}}', '"""block"""', '[null]', '[1, "x", true]'],
];

export const EXTREME = [
  ...['0', '-1', '101', '2147483647', '2147483648', '-2147483649', '1e400', '-1e-400', '9'.repeat(400), '0.1e1'],
  ...quoted('0', '-0', '0.000000000000000001', '-0.000000000000000001', '1000000000000000', '1000000000000000.1'),
  ...quoted('1000000000000', '999999999999999.999999999999999999', '-1000000000000000', '9'.repeat(30), '9'.repeat(31)),
  ...quoted(
    `-${'9'.repeat(30)}.${'9'.repeat(18)}`,
    `0.${'0'.repeat(18)}1`,
    '1e5',
    'NaN',
    '0x10',
    '9223372036854775808',
  ),
  ...quoted('0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '0000-01-01T00:00:00Z', '1970-01-01T00:00:00Z'),
];

/** Among them what other languages, databases and formats take for something special. */
export const STRANGE = [
  ...['', ' ', '\0', 'a\0b', '\n', '\\', '"', "'", "' OR 1=1 --", '${x}', '{{x}}', '%s%n%d', '../../etc/passwd'],
  ...[
    'constructor',
    '__proto__',
    'toString',
    'null',
    'undefined',
    '<script>',
    ','.repeat(99),
    '%',
    '_',
    '[object Object]',
  ],
  ...['x'.repeat(200), 'x'.repeat(201), 'x'.repeat(5_000), 'e\u0301'.repeat(60), '\ud83d\udc69'.repeat(101)],
  ...[
    '\ud800',
    '\udfff\ud800',
    '\u202eright to left',
    '\u200b',
    '\ufeff',
    '\uffff',
    'İıſK',
    'ÅÅ',
    '👩‍👩‍👧‍👦',
    '𝔘𝔫𝔦',
    '٣',
    '5',
  ],
  ...['Account', 'Account:', 'Account:\0', 'Position:x:y:LONG', 'constructor:x', '["x"]', '["1","2"]'].map(btoa),
];

export const CHARACTERS = [
  ...['{', '}', '(', ')', '[', ']', '"', '"""', '\\', '#', '$', '@', '...', '&', '|', ':', '!', '=', '\r'],
  ...['\0', '\u2028', '\ud800', '\ufeff', '\u00a0', '👩', '٣', '-', '.', '0'],
];

export const DIRECTIVES = [
  ...['@skip(if: true)', '@skip(if: false)', '@include(if: false)', '@include(if: true)', '@include(if: "x")', '@skip'],
  ...['@include(if: $nothing)', '@unknown', '@deprecated', '@oneOf', '@specifiedBy(url: "x")', '@defer', '@stream'],
];

export const TYPES = [
  ...['String', 'Int', 'ID!', '[ID!]', '[[Decimal]]', 'Decimal', 'DateTime', 'Boolean'],
  ...['Account', 'Nothing', 'FillInput', '[RiskAlertKind!]!'],
];

/** How often something comes: within the limits, at them, and beyond. */
export const SIZES = [2, 5, 21, 51, 120];
