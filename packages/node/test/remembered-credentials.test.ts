/** Credentials of pulls: how long they count, and how they survive a restart without being readable. */
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Credentials } from '@shoal/registry-client';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import pino from 'pino';
import t from 'tap';
import { PullImageRequest } from '../src/cri/gen/image-service.ts';
import { decodeGrpcMessage } from '../src/cri/grpc-message.ts';
import { decodePullCredentials } from '../src/cri/pull-request.ts';
import { RememberedCredentials } from '../src/cri/remembered-credentials.ts';
import { isInMemory, seal, unseal } from '../src/cri/sealed-file.ts';
import { SealedKeeper } from '../src/cri/sealed-keeper.ts';
import { CREDENTIALS_PER_REPOSITORY_MAX, REPOSITORIES_REMEMBERED_MAX } from '../src/limits.ts';

const DAY_MS = 86_400_000;
const place = { registry: 'r.example', repository: 'a/b' };
const log = pino({ level: 'silent' });

function password(secret: string): Credentials {
  return { kind: 'password', username: 'u', password: secret };
}

/** Directories on a disk and in memory, and what opens what is remembered there. */
function setting(t: TestScope) {
  const root = temporaryDirectory(t);
  const run = mkdtempSync('/dev/shm/shoal-test-');
  t.teardown(() => rmSync(run, { recursive: true }));
  const file = join(root, 'credentials.sealed');
  const keyFile = join(run, 'credentials.key');
  const open = async (lifetimeMs = DAY_MS) =>
    RememberedCredentials.open(await SealedKeeper.open({ file, keyFile, log }), lifetimeMs);
  return { root, run, file, keyFile, open };
}

const find = async (remembered: RememberedCredentials, at = place) =>
  (await remembered.find({ ...at, isAnew: false })).map((found) =>
    found.kind === 'password' ? found.password : found.token,
  );

t.test('what a pull brings counts at once; a failed pull takes back its own', async (t) => {
  await using remembered = await setting(t).open();
  const trial = remembered.begin(place, password('one'));
  t.same(await find(remembered), ['one']);
  t.same(await find(remembered, { ...place, repository: 'other' }), []);
  trial.failed();
  t.same(await find(remembered), []);
  remembered.begin(place, password('one')).succeeded();
  const second = remembered.begin(place, password('two'));
  t.same(await find(remembered), ['two', 'one'], 'the newest first');
  second.failed();
  remembered.begin(place, password('one')).failed();
  t.same(await find(remembered), ['one'], 'what has worked stays');
  for (let number = 0; number < 10; number++) {
    remembered.begin(place, password(`${number}`)).succeeded();
  }
  t.equal((await find(remembered)).length, CREDENTIALS_PER_REPOSITORY_MAX);
  for (let number = 0; number < REPOSITORIES_REMEMBERED_MAX + 5; number++) {
    remembered.begin({ ...place, repository: `x/${number}` }, password('p'));
  }
  t.equal(remembered.size, REPOSITORIES_REMEMBERED_MAX);
});

t.test('wrong secrets of other pulls displace nothing that is proven', async (t) => {
  const { open } = setting(t);
  const wrong = Array.from({ length: CREDENTIALS_PER_REPOSITORY_MAX + 1 }, (_, n) => `wrong ${n}`);
  {
    await using remembered = await open();
    for (const secret of ['older', 'right']) {
      remembered.begin(place, password(secret)).succeeded();
    }
    const trials = wrong.map((secret) => remembered.begin(place, password(secret)));
    const found = await find(remembered);
    t.same(found.slice(0, 3), [wrong.at(-1), 'right', 'older'], 'tried soon');
    t.equal(found.length, 2 + CREDENTIALS_PER_REPOSITORY_MAX, 'those are bounded, too');
    for (const trial of trials) trial.failed();
    t.same(await find(remembered), ['right', 'older']);
    for (let number = 0; number < 2 * REPOSITORIES_REMEMBERED_MAX; number++) {
      remembered.begin({ ...place, repository: `x/${number}` }, password('wrong'));
    }
    t.same(await find(remembered), ['right', 'older'], 'nor does any number of repositories');
    t.equal(remembered.size, REPOSITORIES_REMEMBERED_MAX);
    remembered.begin({ ...place, repository: 'c' }, password('other')).succeeded();
  }
  await using remembered = await open();
  t.same(await find(remembered), ['right', 'older'], 'and a restart has them');
});

t.test('a restart remembers them, and nobody can read them', async (t) => {
  const { file, keyFile, open } = setting(t);
  {
    await using remembered = await open();
    remembered.begin(place, password('top-secret')).succeeded();
    remembered.begin({ ...place, repository: 'c' }, password('unproven'));
  }
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(statSync(keyFile).mode & 0o777, 0o600);
  const bytes = readFileSync(file, 'latin1');
  for (const text of ['top-secret', 'r.example', '"u"']) t.notOk(bytes.includes(text), text);
  {
    await using remembered = await open();
    t.same(await find(remembered), ['top-secret']);
    t.equal(remembered.size, 1, 'what no pull has proven is not kept');
  }
  const sealed = readFileSync(file);
  sealed[sealed.length - 1] = (sealed[sealed.length - 1] ?? 0) ^ 1;
  writeFileSync(file, sealed);
  await using remembered = await open();
  t.equal(remembered.size, 0, 'changed bytes are no credentials');
  t.notOk(existsSync(file));
});

t.test('a reboot forgets them, and so does time', async (t) => {
  const { file, keyFile, run, open } = setting(t);
  const remember = async (lifetimeMs?: number) => {
    await using remembered = await open(lifetimeMs);
    remembered.begin(place, password('one')).succeeded();
  };
  await remember();
  rmSync(keyFile);
  {
    await using remembered = await open();
    t.equal(remembered.size, 0);
    t.notOk(existsSync(file));
  }
  await remember();
  await using late = await open(0);
  t.same(await find(late), [], 'after their time they do not count');
  chmodSync(keyFile, 0o644);
  await using open644 = await open();
  t.equal(open644.size, 0, 'a key that others could read is not used');
  t.ok(isInMemory(run));
});

t.test('a run directory on a disk keeps nothing', async (t) => {
  // Beside the sources: temporary directories may be in memory.
  const directory = t.testdir({});
  if (isInMemory(directory)) {
    t.pass('needs a disk', { skip: 'the checkout is in memory' });
    return;
  }
  const [file, keyFile] = [
    join(directory, 'credentials.sealed'),
    join(directory, 'credentials.key'),
  ];
  const keeper = await SealedKeeper.open({ file, keyFile, log });
  await using remembered = await RememberedCredentials.open(keeper, DAY_MS);
  remembered.begin(place, password('one')).succeeded();
  await remembered.close();
  t.same(await find(remembered), ['one']);
  t.notOk(existsSync(file) || existsSync(keyFile));
});

t.test('sealing', async (t) => {
  const [key, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const sealed = seal(Buffer.from('text'), key);
  t.equal(unseal(sealed, key)?.toString(), 'text');
  t.notOk(seal(Buffer.from('text'), key).equals(sealed), 'a new nonce each time');
  t.equal(unseal(sealed, other), undefined);
  for (let length = 0; length < sealed.length; length++) {
    t.equal(unseal(sealed.subarray(0, length), key), undefined);
  }
});

t.test('what a pull request says', async (t) => {
  const none = {
    ...{ username: '', password: '', auth: '', serverAddress: '' },
    ...{ identityToken: '', registryToken: '' },
  };
  const decode = (image: string, auth: Partial<typeof none> | undefined) =>
    decodePullCredentials(
      PullImageRequest.encode({
        image: { image, annotations: new Map() },
        auth: auth && { ...none, ...auth },
      }).finish(),
    );
  const ann = { username: 'ann', password: 'x' };
  t.same(decode('r.example:5000/a/b@sha256:'.concat('0'.repeat(64)), ann), {
    place: { registry: 'r.example:5000', repository: 'a/b' },
    credentials: { kind: 'password', ...ann },
  });
  t.match(decode('debian', ann)?.place, { registry: 'docker.io', repository: 'library/debian' });
  t.ok(decode('debian', { ...ann, serverAddress: 'https://index.docker.io/v1/' }));
  t.ok(decode('r.example/a', { ...ann, serverAddress: 'r.example' }));
  t.notOk(decode('r.example/a', { ...ann, serverAddress: 'https://evil.example' }));
  const auth = Buffer.from('ann:x:y\0').toString('base64');
  t.match(decode('r.example/a', { auth })?.credentials, { username: 'ann', password: 'x:y' });
  t.match(decode('r.example/a', { identityToken: 't' })?.credentials, { kind: 'identity-token' });
  t.match(decode('r.example/a', { registryToken: 't' })?.credentials, { kind: 'registry-token' });
  t.equal(decode('r.example/a', undefined), undefined);
  t.equal(decode('r.example/a', {}), undefined);
  t.equal(decode('oci:/etc/passwd', ann), undefined);
  t.equal(decode('', ann), undefined);
  t.equal(decodePullCredentials(Buffer.from([10, 200, 1])), undefined, 'cut short');
  t.equal(decodeGrpcMessage(Buffer.from([0, 0, 0, 0, 9, 1]), undefined), undefined);
  t.equal(decodeGrpcMessage(Buffer.from([1, 0, 0, 0, 1, 1]), 'gzip'), undefined);
});
