/** `shoal proxy` on the command line: what it prints, what it refuses, and that it serves until it is stopped. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { runCommand } from '@shoal/test-kit';
import { parse } from 'smol-toml';
import t from 'tap';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const run = (...args: string[]) => runCommand(process.execPath, [MAIN, 'proxy', ...args]);

t.test('what containerd has to be told', async (t) => {
  const { stdout, exitCode } = await run(
    ...[
      '--print-config',
      'containerd',
      '--upstream',
      'docker.io',
      '--upstream',
      'registry.test:5000',
    ],
    ...['--listen', '127.0.0.1:4002'],
  );
  t.equal(exitCode, 0);
  const [, ...files] = stdout.split(/^# \/etc\/containerd\/certs\.d\/(?=\S+\/hosts\.toml)/m);
  t.same(
    files.map((file) => file.split('\n')[0]),
    ['docker.io/hosts.toml', 'registry.test:5000/hosts.toml'],
  );
  const [hub = ''] = files.map((file) => file.slice(file.indexOf('\n')));
  t.same(parse(hub), {
    server: 'https://registry-1.docker.io',
    host: { 'http://127.0.0.1:4002': { capabilities: ['pull', 'resolve'], dial_timeout: '1s' } },
  });
});

t.test('what CRI-O and podman have to be told', async (t) => {
  const { stdout } = await run('--print-config', 'crio', '--upstream', 'quay.io', '--port', '5001');
  t.same(parse(stdout), {
    registry: [
      {
        prefix: 'quay.io',
        location: 'quay.io',
        mirror: [{ location: '127.0.0.1:5001/quay.io', insecure: true }],
      },
    ],
  });
});

t.test('what Docker has to be told', async (t) => {
  const local = await run('--print-config', 'docker');
  t.same(JSON.parse(local.stdout), { 'registry-mirrors': ['http://127.0.0.1:4001'] });
  t.match(local.stderr, /daemon\.json/);
  const far = await run(
    '--print-config',
    'docker',
    '--listen',
    '10.1.2.3:80',
    '--upstream',
    'quay.io',
  );
  t.same(JSON.parse(far.stdout), {
    'registry-mirrors': ['http://10.1.2.3:80'],
    'insecure-registries': ['10.1.2.3:80'],
  });
  t.match(far.stderr, /does not mirror docker\.io/);
});

t.test('wrong use', async (t) => {
  for (const args of [
    ['--listen', 'nowhere'],
    ['--listen', '127.0.0.1:99999'],
    ['--auth', 'maybe'],
    ['--auth', 'quay.io=own'],
    ['--upstream', 'not a host'],
    ['--upstream', 'quay.io', '--upstream', 'QUAY.io'],
    ['--upstream', 'quay.io=ftp://quay.io'],
    ['--upstream', 'quay.io=https://user:secret@quay.io'],
    ['--default', 'ghcr.io'],
    ['--print-config', 'rkt'],
    ['--port', '5000'],
  ]) {
    const { exitCode, stderr } = await run(...args);
    t.equal(exitCode, 2, args.join(' '));
    t.notMatch(stderr, /secret/);
  }
});

t.test('it serves until it is stopped, and says what it serves', async (t) => {
  await using registry = await EmbeddedRegistry.listen();
  const args = [
    ...['proxy', '--listen', '127.0.0.1:0', '--access-log'],
    ...['--upstream', `registry.test=http://${registry.host}`],
  ];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const { value: said = '' } = await lines.next();
  const address = /http:\/\/[\d.]+:\d+/.exec(said)?.[0];
  t.match(said, /mirrors registry\.test$/);
  const answer = await fetch(`${address}/v2/a/b/manifests/v1`);
  t.equal(answer.status, 404);
  await answer.body?.cancel();
  const log = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: logged = '{}' } = await log.next();
  t.match(JSON.parse(logged), {
    method: 'GET',
    kind: 'manifests',
    upstream: 'registry.test',
    name: 'a/b',
    reference: 'v1',
    status: 404,
  });
  const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  child.kill('SIGTERM');
  t.equal(await ended, 0);
});

t.test('metrics, where they are asked for: of requests, of bytes, of the process', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const upstream = ['--upstream', `registry.test=http://${registry.host}`];
  const args = [MAIN, 'proxy', '--listen', '127.0.0.1:0', '--metrics', '0', ...upstream];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const told: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    told.push(line);
    if (told.length === 2) break;
  }
  const [mirror = '', metrics = ''] = told.map((line) => /http:\/\/\S+/.exec(line)?.[0]);
  t.match(metrics, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  t.equal((await fetch(`${mirror}/v2/`)).status, 200);
  t.equal((await fetch(`${mirror}/v2/team/none/manifests/1`)).status, 404);
  const text = await (await fetch(metrics)).text();
  t.match(text, /^shoal_proxy_requests_total\{route="ping",outcome="served"\} 1$/m);
  t.match(text, /^shoal_proxy_requests_total\{route="manifests",outcome="missing"\} 1$/m);
  t.match(text, /^process_resident_memory_bytes [1-9]/m);
  t.notMatch(text, /registry\.test|team/);
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('exit', resolve));
  t.equal(child.exitCode, 0);
});
