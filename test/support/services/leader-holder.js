/** A process that wants to be on duty, and tells when it is; plain JavaScript over what was built. */
import { openDuty } from '../../../dist/src/cluster/leadership.js';
import { createLogger } from '../../../dist/src/platform/log.js';

const [, , databaseUrl] = process.argv;
const duty = await openDuty({
  db: null,
  databaseUrl,
  log: createLogger('silent'),
  onTerm: ({ number, ended }) => {
    process.send({ term: String(number) });
    ended.addEventListener('abort', () => process.send({ term: null }));
  },
});
if (duty.term === null) process.send({ term: null });
process.on('disconnect', () => process.exit());
