/** Documents of a size, by what there is much of. */

/** 14 fields within each other, with what is below the last one, an account. */
export const within = (below: string): string => {
  const round = 'ledger(first: 1) { nodes { account { ';
  return `{ accounts(first: 1) { nodes { ${round.repeat(4)} ${below} ${'} } } '.repeat(4)} } } }`;
};
export const aliased = (count: number): string =>
  `{ viewer { ${Array.from({ length: count }, (_, index) => `a${index}: subject`).join(' ')} } }`;
export const repeated = (count: number): string => `{ viewer { ${'subject '.repeat(count)} } }`;
export const rooted = (count: number): string =>
  `{ ${Array.from({ length: count }, (_, index) => `a${index}: __typename`).join(' ')} }`;
/** 10 root fields in a fragment that is spread as often. */
export const spread = (count: number): string => `{ ${'...Ten '.repeat(count)} } fragment Ten on Query {
  ${Array.from({ length: 10 }, (_, index) => `a${index}: __typename`).join(' ')} }`;
/** Each of them spreads the next one twice. */
export const doubling = `{ viewer { ...F0 } } ${Array.from({ length: 30 }, (_, index) => {
  return `fragment F${index} on Viewer { ${index < 29 ? `...F${index + 1} ...F${index + 1}` : 'x: subject'} }`;
}).join(' ')}`;
export const directed = (count: number): string =>
  `{ viewer { subject ... ${'@include(if: true) '.repeat(count)}{ roles } } }`;
export const skipped = (count: number): string => `{ viewer { ${'... @skip(if: false) { subject } '.repeat(count)} } }`;
