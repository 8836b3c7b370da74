/** A start that the operator can mend says in one sentence what to do, and prints no stack. */
import { createServer, type AddressInfo } from 'node:net';

import { expect, it } from '@jest/globals';

import { createTestDatabase } from '../../support/services/database.js';
import { runToExit } from '../../support/services/process.js';

it('says which port another process listens on', async () => {
  const database = await createTestDatabase();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const { code, output } = await runToExit({ ...database.env, HOST: '127.0.0.1', PORT: String(port) });
  expect(code).toBe(1);
  expect(output).toContain(
    `Plimsoll did not start. HOST, PORT and METRICS_PORT: 127.0.0.1:${port} cannot be opened (another process listens there).`,
  );
  expect(output).not.toMatch(/node_modules|\bat .*:\d+:\d+/);
  await new Promise((resolve) => other.close(resolve));
  await database.drop();
});
