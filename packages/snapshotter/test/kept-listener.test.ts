/** The record of a kept socket is whole at every moment: half of one would cost the socket. */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { listHolders, stopStrayHolders } from '@shoal/linux';
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

t.test(
  'the next daemon takes the socket from its holder; a record of another boot says nothing',
  async (t) => {
    const directory = temporaryDirectory(t);
    const stateDirectory = join(directory, 'socket');
    t.teardown(() => stopStrayHolders(stateDirectory));
    const options = { path: join(directory, 'snapshotter.sock'), stateDirectory, log: silentLog };
    const first = await KeptListener.open(options);
    await first.keep();
    closeSync(first.fd);
    const { ino } = statSync(options.path);
    const second = await KeptListener.open(options);
    await second.keep();
    t.equal(statSync(options.path).ino, ino, 'the same socket');
    closeSync(second.fd);
    const file = join(stateDirectory, 'listener.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(text), bootId: 'another' }));
    const third = await KeptListener.open(options);
    t.same(listHolders(stateDirectory), [], 'nobody holds the old one');
    closeSync(third.fd);
    rmSync(file);
    mkdirSync(file);
    await t.rejects(KeptListener.open(options), { code: 'EISDIR' }, 'it may be there');
  },
);
