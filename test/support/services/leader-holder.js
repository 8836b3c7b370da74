/** A process that tries to lead and reports its term; plain JavaScript over the build. */
import { openLeadership } from '../../../dist/src/cluster/leadership.js';
import { createLogger } from '../../../dist/src/platform/log.js';

const [, , databaseUrl] = process.argv;
const leadership = await openLeadership({
  db: null,
  databaseUrl,
  log: createLogger('silent'),
  onTerm: ({ number, ended }) => {
    process.send({ term: String(number) });
    ended.addEventListener('abort', () => process.send({ term: null }));
  },
});
if (leadership.term === null) process.send({ term: null });
process.on('disconnect', () => process.exit());
