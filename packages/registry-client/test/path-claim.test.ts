/** Claims of paths: one holder at a time, and none that outlives its process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireRoot, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { claimPath } from '../src/stores.ts';

const PROGRAM = `
const { claimPath } = await import('${import.meta.resolve('@shoal/registry-client/stores')}');
const claim = await claimPath(process.argv[1]);
process.stdout.write(claim === undefined ? 'busy' : 'ours');
process.stdin.on('data', () => process.exit(0));
`;

/** Another process that claims it; `before` is what starts it. */
async function claimElsewhere(t: TestScope, path: string, before: readonly string[] = []) {
  const [command = '', ...args] = [...before, process.execPath];
  const child = spawn(command, [...args, '--input-type=module', '-e', PROGRAM, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [said] = await once(child.stdout, 'data');
  const end = async (how: () => unknown) => {
    const exit = once(child, 'exit');
    how();
    await exit;
  };
  return {
    said: String(said),
    kill: () => end(() => child.kill('SIGKILL')),
    /** Without having let go. */
    exit: () => end(() => child.stdin.write('end')),
  };
}

t.test('one at a time', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'claim');
  const first = await claimPath(path);
  t.ok(first);
  t.equal(await claimPath(path), undefined);
  t.equal((await claimElsewhere(t, path)).said, 'busy');
  await first?.release();
  t.same(readdirSync(directory), [], 'nothing is left');
  const second = await claimPath(path);
  t.ok(second);
  await second?.release();
});

t.test('a killed holder has it no longer', async (t) => {
  const path = join(temporaryDirectory(t), 'claim');
  const other = await claimElsewhere(t, path);
  t.equal(other.said, 'ours');
  t.equal(await claimPath(path), undefined);
  await other.kill();
  t.ok(existsSync(path), 'left behind');
  const claim = await claimPath(path);
  t.ok(claim);
  await claim?.release();
  t.notOk(existsSync(path));
});

t.test('nor one of a container that has gone', async (t) => {
  requireRoot(t);
  const path = join(temporaryDirectory(t), 'claim');
  const other = await claimElsewhere(t, path, ['unshare', '--pid', '--fork', '--mount-proc']);
  t.equal(other.said, 'ours');
  t.equal(await claimPath(path), undefined, 'while it lives it has it');
  await other.exit();
  const claim = await claimPath(path);
  t.ok(claim);
  await claim?.release();
});

t.test('many at once for what a dead one left: one gets it', async (t) => {
  const path = join(temporaryDirectory(t), 'claim');
  for (let round = 0; round < 20; round += 1) {
    writeFileSync(path, '');
    const claims = await Promise.all(Array.from({ length: 30 }, () => claimPath(path)));
    const ours = claims.filter((claim) => claim !== undefined);
    if (ours.length !== 1) t.fail(`${ours.length} have it`);
    for (const claim of ours) await claim.release();
  }
  t.notOk(existsSync(path));
});

t.test('one after the other, and never two of them', async (t) => {
  const path = join(temporaryDirectory(t), 'claim');
  let holders = 0;
  let turns = 0;
  const taker = async () => {
    while (turns < 200) {
      const claim = await claimPath(path);
      if (claim === undefined) continue;
      holders += 1;
      if (holders > 1) t.fail(`${holders} have it`);
      turns += 1;
      await new Promise(setImmediate);
      holders -= 1;
      await claim.release();
    }
  };
  await Promise.all(Array.from({ length: 8 }, taker));
  t.ok(turns >= 200);
});

t.test('something else under the name is neither followed nor removed', async (t) => {
  const directory = temporaryDirectory(t);
  const path = (name: string) => join(directory, name);
  mkdirSync(path('directory'));
  symlinkSync('victim', path('link'));
  for (const name of ['directory', 'link', 'missing/claim']) {
    await t.rejects(claimPath(path(name), `shown ${name}`), {
      code: 'ERR_REGISTRY_CLIENT_FILE',
      message: new RegExp(`^shown ${name} `),
    });
  }
  t.same(readdirSync(directory).toSorted(), ['directory', 'link']);
});
