/** What stays inside whatever goes wrong: the reason of an accident, tokens and secrets. */
import { Writable } from 'node:stream';

import { expect, it } from '@jest/globals';
import { pino } from 'pino';

import { TEST_SECRET, apiFor, apiWith } from '../../support/services/api.js';
import { startTestApp } from '../../support/services/app.js';
import { connectSocket, openSocket, operate, post, sendBytes } from '../../support/services/raw.js';
import { tokenOf } from '../../support/services/tokens.js';
import { TRANSPORTS, answerOver, openStream } from '../../support/services/transports.js';

const VIEWER = '{ viewer { subject } }';

function sink(lines: string[]): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
}

it('says nothing of an accident but an id that stands in the log, whatever it came over', async () => {
  const lines: string[] = [];
  const broken = await startTestApp({ log: pino({ level: 'error' }, sink(lines)) });
  const api = await apiFor(broken.url, 'alice', 'TRADER');
  Object.defineProperty(broken.app.services.rulebook, 'venues', {
    get: () => {
      throw new Error('the inside of a server');
    },
  });
  for (const transport of TRANSPORTS) {
    const { errors } = await answerOver(transport, api, '{ venues { code } }');
    expect(errors).toMatchObject([{ extensions: { code: 'INTERNAL_SERVER_ERROR', id: expect.any(String) } }]);
    expect(JSON.stringify(errors)).not.toContain('the inside');
    expect(errors?.[0]?.message).toContain(errors?.[0]?.extensions['id']);
    const logged = lines.find((line) => line.includes(String(errors?.[0]?.extensions['id'])));
    expect(logged).toContain('the inside of a server');
  }
  await broken.close();
});

it('says nothing of tokens and secrets in the log, whatever goes wrong', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, sink(lines));
  const noted = await startTestApp({ log });
  const good = await tokenOf({ sub: 'alice', roles: ['TRADER'] });
  const bad = await tokenOf({ sub: 'alice', roles: ['TRADER'] }, 'another secret of at least 32 characters');
  for (const token of [good, bad]) {
    const api = apiWith(noted.url, `Bearer ${token}`);
    await post(api, VIEWER);
    await post(api, '{');
    await (await openStream(api, VIEWER)).text();
    await fetch(`${noted.url}/graphql?token=${token}`, { headers: { authorization: `Bearer ${token}` } });
    await fetch(`${noted.url}/${token}`);
    await sendBytes(noted.url, `GET /graphql HTTP/1.1\r\nAuthorization: Bearer ${token}\r\nbroken\r\n\r\n`);
    const socket = await openSocket(noted.url);
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    await new Promise((wake) => setTimeout(wake, 50));
    socket.sendText(`"Bearer ${token}`);
    await socket.closed;
  }
  // Something has to go wrong that is logged.
  const socket = await connectSocket(apiWith(noted.url, `Bearer ${good}`));
  Object.defineProperty(noted.app.services.rulebook, 'venues', {
    get: () => {
      throw new Error('broken');
    },
  });
  await operate(socket, '{ venues { code } }');
  socket.close();
  await noted.close();
  const text = lines.join('');
  expect(text).toContain('broken');
  for (const secret of [good, bad, good.split('.')[2] ?? '', bad.split('.')[1] ?? '', TEST_SECRET]) {
    expect(text).not.toContain(secret);
  }
});
