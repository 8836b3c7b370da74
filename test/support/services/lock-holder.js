/** A process that locks and releases a folder on request; plain JavaScript over the build. */
import { lockFolder } from '../../../dist/src/platform/database/folder-lock.js';

let lock = null;

process.on('message', async ({ take }) => {
  try {
    if (take === undefined) await lock?.release();
    else lock = await lockFolder(take);
    process.send({ done: true });
  } catch (error) {
    process.send({ refused: { name: error.name, pid: error.pid, message: error.message } });
  }
});
