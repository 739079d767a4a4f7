/** The record of a kept socket is whole at every moment: half of one would cost the socket. */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { KeptListener } from '../src/grpc/kept-listener.ts';
import { silentLog } from '../src/service-log.ts';

t.test('a record is replaced, not written over', async (t) => {
  const directory = temporaryDirectory(t);
  const stateDirectory = join(directory, 'socket');
  const fdStore = {
    keepFd: () => undefined,
    forgetFd: () => undefined,
    takeFd: () => undefined,
    dropRest: () => undefined,
  };
  const path = join(directory, 'snapshotter.sock');
  const listener = await KeptListener.open({ path, stateDirectory, fdStore, log: silentLog });
  t.teardown(() => closeSync(listener.fd));
  await listener.keep();
  const record = openSync(join(stateDirectory, 'listener.json'), 'r');
  t.teardown(() => closeSync(record));
  await listener.keep();
  t.equal(fstatSync(record).nlink, 0, 'the old one was not touched');
  t.match(JSON.parse(readFileSync(record, 'utf8')), { path });
  t.same(readdirSync(stateDirectory), ['listener.json']);
  listener.giveUp();
  await listener.close();
  t.same(readdirSync(stateDirectory), []);
});
