/** `shoal status` on containerd's matters: snapshots, images that are not lazy and why, credentials. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import {
  CommitSnapshotRequest,
  PrepareSnapshotRequest,
  SnapshotsClient,
} from '../../packages/snapshotter/src/grpc/gen/snapshots.ts';
import { openFaultGate } from '../support/fault-gate.ts';
import { convertDirectory, mountWorld, writeFiles } from '../support/mounted-image.ts';
import { runShoal } from '../support/shoal-command.ts';

const PASSWORD = 'do-not-print-this';

t.test(
  'status tells why an image is not lazy, and how registries like our credentials',
  async (t) => {
    if (!requireMounts(t)) return;
    const configFile = join(temporaryDirectory(t), 'config.toml');
    writeFileSync(configFile, '[log]\nlevel = "debug"\n');
    const world = mountWorld(t, { configFile });
    const registry = await EmbeddedRegistry.listen();
    t.teardown(() => registry.close());
    const gate = await openFaultGate(t, registry.host, { user: 'me', password: PASSWORD });
    const source = join(world.directory, 'source');
    writeFiles(source, { a: 10_000 });
    await convertDirectory(source, `${registry.host}/image:latest`);

    const docker = join(world.directory, 'docker');
    mkdirSync(docker);
    const login = (password: string) => {
      const auth = Buffer.from(`me:${password}`).toString('base64');
      const config = { auths: { [gate.host]: { auth } } };
      writeFileSync(join(docker, 'config.json'), JSON.stringify(config));
    };
    const mount = (name: string) =>
      world.mount({
        reference: `${gate.host}/image:latest`,
        mountpoint: world.mountpoint(name),
        source: { plainHttp: true, dockerConfigDirectory: docker },
      });
    login('wrong');
    await t.rejects(mount('one'), { code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED' });
    const refused = await world.status();
    t.match(refused.credentials, [{ registry: gate.host, state: 'refused' }]);
    login(PASSWORD);
    await until('the new password counts', () =>
      mount('two').then(
        () => true,
        () => false,
      ),
    );
    t.match((await world.status()).credentials, [{ registry: gate.host, state: 'accepted' }]);

    const address = join(world.daemon.run, 'snapshotter.sock');
    const client = new SnapshotsClient(`unix:${address}`, credentials.createInsecure());
    t.teardown(() => client.close());
    const labels = new Map([['containerd.io/snapshot.ref', 'sha256:chain']]);
    const key = 'k8s.io/1/extract-1';
    const answered = (call: (done: (error: Error | null) => void) => void) =>
      new Promise<void>((resolve, reject) => {
        call((error) => (error === null ? resolve() : reject(error)));
      });
    await answered((done) =>
      client.prepare(PrepareSnapshotRequest.fromPartial({ key, labels }), done),
    );
    const name = 'k8s.io/2/sha256:chain';
    await answered((done) => client.commit(CommitSnapshotRequest.fromPartial({ key, name }), done));
    const status = await world.status();
    t.match(status.snapshots, { active: 0, view: 0, committed: 1, address });
    t.match(status.images.ordinary, [{ layers: 1, reason: /\w/ }]);
    const { stdout } = await runShoal(['status'], { env: world.daemon.env });
    t.match(
      stdout,
      /snapshots for containerd at .*snapshotter.sock: 0 active, 0 views, 1 committed/,
    );
    t.match(stdout, /not lazy: an image without a name, 1 layer: \w/);
    t.match(stdout, /credentials for 127.0.0.1:\d+: accepted at/);
    const json = (await runShoal(['status', '--json'], { env: world.daemon.env })).stdout;
    const log = readFileSync(join(world.daemon.run, 'shoal.log'), 'utf8');
    const basic = [PASSWORD, 'wrong'].map((word) => Buffer.from(`me:${word}`).toString('base64'));
    for (const secret of [PASSWORD, ...basic]) {
      t.notOk(`${stdout}${json}${log}`.includes(secret), 'no secret in status or log');
    }
    const lines = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    t.ok(lines.every(({ event, level, time }) => event && level && time));
    t.match(
      lines.find(({ event }) => event === 'mounted'),
      { requestId: /^control-\d+$/, operation: 'POST /v1/mount' },
    );
    t.match(
      lines.find(({ event }) => event === 'layer-not-lazy'),
      { requestId: /^grpc-\d+$/, operation: 'Prepare' },
    );
  },
);
