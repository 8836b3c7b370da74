import { rm } from 'node:fs/promises';

import { onServer } from './global-setup.js';

export default async function tearDown() {
  const template = process.env.PLIMSOLL_TEST_TEMPLATE;
  if (template === undefined) return;
  const serverUrl = process.env.TEST_DATABASE_URL;
  if (serverUrl === undefined) await rm(template, { recursive: true, force: true });
  else await onServer(serverUrl, `DROP DATABASE ${template} WITH (FORCE)`);
  const folder = process.env.PLIMSOLL_TEST_FOLDER;
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}
