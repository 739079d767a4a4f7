/** A tracker that hosts cannot use starts, for others may come, and says so. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { SHOAL, shoalHere } from './support/shoal.ts';

t.setTimeout(200_000);

t.test('without a key of tokens, by the certificate of a peer', async (t) => {
  const directory = temporaryDirectory(t);
  const [ca, tls] = [join(directory, 'ca'), join(directory, 'node-1')];
  await shoalHere('ca', 'init', '--dir', ca);
  const issue = ['ca', 'issue', '--dir', ca, '--role', 'peer', '--host', 'node-1', '--out', tls];
  t.match(await shoalHere(...issue), { exitCode: 0 });
  const child = spawn(SHOAL, ['tracker', '--listen', '127.0.0.1:0', '--tls', tls], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (data: Buffer) => {
    said += data.toString();
  });
  await until('both are said', () => said.split('\n').length > 2);
  t.match(said, /^shoal tracker: without --token-key hosts get no tokens here/m);
  t.match(said, /^shoal tracker: .*not that of a tracker: shoal ca issue --role tracker$/m);
});
