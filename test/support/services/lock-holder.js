/** A process that takes and gives back the lock of a folder when it is told to; plain JavaScript over what was built. */
import { lockFolder } from '../../../dist/src/platform/folder-lock.js';

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
