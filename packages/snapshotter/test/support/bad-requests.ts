/** Requests that no sound client makes, and the code that each of them must get. */
import { credentials, makeGenericClientConstructor, status } from '@grpc/grpc-js';
import { SnapshotsService } from '../../src/grpc/gen/snapshots.ts';
import { answer, type TestClient } from './snapshots-client.ts';

type Ask = (client: TestClient) => Promise<unknown>;

export const labels = (fields: Readonly<Record<string, string>>) => new Map(Object.entries(fields));
const many = (count: number, bytes: number) =>
  labels(Object.fromEntries([...Array(count).keys()].map((n) => [`l${n}`, 'x'.repeat(bytes)])));
const UID = 'containerd.io/snapshot/uidmapping';
const TARGET = 'containerd.io/snapshot.ref';
const LONG = 'k'.repeat(5000);
const HUGE = 'h'.repeat(5 << 20);

/** Snapshots: `A` and `B` over it are committed, `a` (over `B`) is active, `v` a view, `top` active. */
export const BAD_REQUESTS: Readonly<Record<string, readonly [status, Ask]>> = {
  'Prepare: a parent that is not there': [
    status.NOT_FOUND,
    (client) => client.prepare({ key: 'x', parent: 'none' }),
  ],
  'Prepare: an active parent': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', parent: 'a' }),
  ],
  'Prepare: a view as parent': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', parent: 'v' }),
  ],
  'Prepare: itself as parent': [
    status.NOT_FOUND,
    (client) => client.prepare({ key: 'x', parent: 'x' }),
  ],
  'Prepare: a key that is taken': [status.ALREADY_EXISTS, (client) => client.prepare({ key: 'a' })],
  'Prepare: the name of a committed one': [
    status.ALREADY_EXISTS,
    (client) => client.prepare({ key: 'A' }),
  ],
  'Prepare: no key': [status.INVALID_ARGUMENT, (client) => client.prepare({ key: '' })],
  'Prepare: a zero byte in the key': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: '../\0/x' }),
  ],
  'Prepare: a key too long': [status.INVALID_ARGUMENT, (client) => client.prepare({ key: LONG })],
  'Prepare: a parent too long': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', parent: LONG }),
  ],
  'Prepare: too many labels': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: many(600, 1) }),
  ],
  'Prepare: too long a label': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: many(1, 5000) }),
  ],
  'Prepare: too long labels together': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: many(100, 4000) }),
  ],
  'Prepare: a label without a key': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: labels({ '': 'y' }) }),
  ],
  'Prepare: an id mapping that is none': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: labels({ [UID]: '0:../../etc:1' }) }),
  ],
  'Prepare: an id mapping beyond all ids': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: labels({ [UID]: '0:4294967295:1' }) }),
  ],
  'Prepare: an id mapping that ends the mount option': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: labels({ [UID]: '0:0:1,lowerdir=/etc' }) }),
  ],
  'Prepare: a layer that would be named by a whole label': [
    status.INVALID_ARGUMENT,
    (client) =>
      client.prepare({ key: 'extract-1 y', labels: labels({ [TARGET]: 't'.repeat(4000) }) }),
  ],
  'Prepare: a layer named with a zero byte': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'extract-1 y', labels: labels({ [TARGET]: 'sha256:\0' }) }),
  ],
  'Prepare: a message too large': [
    status.RESOURCE_EXHAUSTED,
    (client) => client.prepare({ key: HUGE }),
  ],
  'View: a parent that is not there': [
    status.NOT_FOUND,
    (client) => client.view({ key: 'x', parent: '../A' }),
  ],
  'View: an active parent': [
    status.INVALID_ARGUMENT,
    (client) => client.view({ key: 'x', parent: 'a' }),
  ],
  'View: a key that is taken': [
    status.ALREADY_EXISTS,
    (client) => client.view({ key: 'v', parent: 'A' }),
  ],
  'View: no key': [status.INVALID_ARGUMENT, (client) => client.view({ key: '', parent: 'A' })],
  'View: a message too large': [
    status.RESOURCE_EXHAUSTED,
    (client) => client.view({ key: 'x', labels: labels({ y: HUGE }) }),
  ],
  'Mounts: nothing of that key': [status.NOT_FOUND, (client) => client.mounts('none')],
  'Mounts: a committed one': [status.FAILED_PRECONDITION, (client) => client.mounts('A')],
  'Mounts: a path': [status.NOT_FOUND, (client) => client.mounts('../../../../etc')],
  'Mounts: no key': [status.NOT_FOUND, (client) => client.mounts('')],
  'Commit: nothing of that key': [
    status.NOT_FOUND,
    (client) => client.commit({ key: 'none', name: 'X' }),
  ],
  'Commit: a committed one': [
    status.FAILED_PRECONDITION,
    (client) => client.commit({ key: 'A', name: 'X' }),
  ],
  'Commit: a view': [
    status.FAILED_PRECONDITION,
    (client) => client.commit({ key: 'v', name: 'X' }),
  ],
  'Commit: a name that is taken': [
    status.ALREADY_EXISTS,
    (client) => client.commit({ key: 'a', name: 'A' }),
  ],
  'Commit: its own key as name': [
    status.ALREADY_EXISTS,
    (client) => client.commit({ key: 'a', name: 'a' }),
  ],
  'Commit: no name': [status.INVALID_ARGUMENT, (client) => client.commit({ key: 'a', name: '' })],
  'Commit: a name too long': [
    status.INVALID_ARGUMENT,
    (client) => client.commit({ key: 'a', name: LONG }),
  ],
  'Commit: another parent': [
    status.INVALID_ARGUMENT,
    (client) => client.commit({ key: 'a', name: 'X', parent: 'A' }),
  ],
  'Commit: a parent that is not there': [
    status.NOT_FOUND,
    (client) => client.commit({ key: 'top', name: 'X', parent: 'none' }),
  ],
  'Commit: an active parent': [
    status.FAILED_PRECONDITION,
    (client) => client.commit({ key: 'top', name: 'X', parent: 'a' }),
  ],
  'Commit: absurd labels': [
    status.INVALID_ARGUMENT,
    (client) => client.commit({ key: 'a', name: 'X', labels: many(600, 1) }),
  ],
  'Remove: nothing of that key': [status.NOT_FOUND, (client) => client.remove('none')],
  'Remove: one with children': [status.FAILED_PRECONDITION, (client) => client.remove('A')],
  'Remove: all of them': [status.NOT_FOUND, (client) => client.remove('*')],
  'Remove: the directory of another': [status.NOT_FOUND, (client) => client.remove('../1')],
  'Remove: no key': [status.NOT_FOUND, (client) => client.remove('')],
  'Stat: nothing of that key': [status.NOT_FOUND, (client) => client.stat('none')],
  'Stat: a message too large': [status.RESOURCE_EXHAUSTED, (client) => client.stat(HUGE)],
  'Update: nothing of that name': [
    status.NOT_FOUND,
    (client) => client.update({ info: { name: 'none', labels: labels({ x: 'y' }) } }),
  ],
  'Update: no info': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ updateMask: ['labels'] }),
  ],
  'Update: no name': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ info: { name: '', labels: labels({ x: 'y' }) } }),
  ],
  'Update: the parent': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ info: { name: 'B', parent: '' }, updateMask: ['parent'] }),
  ],
  'Update: the kind': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ info: { name: 'A' }, updateMask: ['labels.x', 'kind'] }),
  ],
  'Update: absurd labels': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ info: { name: 'A', labels: many(600, 1) } }),
  ],
  'Update: one label too many': [
    status.INVALID_ARGUMENT,
    (client) =>
      client.update({ info: { name: 'A', labels: labels({ '': 'y' }) }, updateMask: ['labels.'] }),
  ],
  'Update: too many fields': [
    status.INVALID_ARGUMENT,
    (client) =>
      client.update({ info: { name: 'A' }, updateMask: Array(600).fill('labels.x') as string[] }),
  ],
  'List: a filter that is none': [status.INVALID_ARGUMENT, (client) => client.list('name=')],
  'List: a filter without an end': [status.INVALID_ARGUMENT, (client) => client.list('name=="')],
  'List: a filter too long': [
    status.INVALID_ARGUMENT,
    (client) => client.list(`name==${HUGE.slice(0, 1 << 20)}`),
  ],
  'List: too many filters': [
    status.INVALID_ARGUMENT,
    (client) => client.list(...(Array(300).fill('name==A') as string[])),
  ],
  'Usage: nothing of that key': [status.NOT_FOUND, (client) => client.usage('none')],
  'Usage: a path': [status.NOT_FOUND, (client) => client.usage('/etc')],
  'a method that is not there': [status.UNIMPLEMENTED, (client) => rawCall(client, 'Purge', 'key')],
  'Stat: bytes that are no message': [
    status.INTERNAL,
    (client) => rawCall(client, 'Stat', Buffer.from('ffffffffffffffffff', 'hex')),
  ],
  'Prepare: a key that is not UTF-8': [
    status.INVALID_ARGUMENT,
    (client) => rawCall(client, 'Prepare', Buffer.from('1202c328', 'hex')),
  ],
};

function rawCall(client: TestClient, method: string, message: string | Buffer): Promise<unknown> {
  const path = SnapshotsService.stat.path.replace('Stat', method);
  const bytes = (value: Buffer) => value;
  const definition = { path, requestStream: false, responseStream: false } as const;
  const Raw = makeGenericClientConstructor(
    {
      call: {
        ...definition,
        ...{ requestSerialize: bytes, requestDeserialize: bytes },
        ...{ responseSerialize: bytes, responseDeserialize: bytes },
      },
    },
    'raw',
  );
  const raw = new Raw(client.raw.getChannel().getTarget(), credentials.createInsecure());
  const asked = answer((done) => raw['call']?.(Buffer.from(message), done));
  return asked.finally(() => raw.close());
}
