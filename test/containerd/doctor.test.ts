/** `shoal doctor` beside a containerd that runs: its version, its configuration, our socket. */
import { join } from 'node:path';
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { examineContainerd } from '../../packages/node/src/containerd/examine-containerd.ts';
import { requireContainerd, startContainerd } from '../support/containerd.ts';
import { startSnapshotter } from '../support/own-snapshotter.ts';

t.test('Debian’s containerd', async (t) => {
  if (!requireMounts(t) || !requireContainerd(t)) return;
  const snapshotter = await startSnapshotter(t);
  const { socket, root } = snapshotter;
  const containerd = await startContainerd(t, { proxySnapshotters: { lazy: { socket, root } } });
  const asked = {
    configFile: join(containerd.directory, 'config.toml'),
    containerdAddress: containerd.address,
    address: socket,
    root,
  };
  const report = await examineContainerd(asked);
  t.match(report, { version: /^1\.\d+\.\d+/, isReady: true, findings: [] });
  t.ok(report?.findings.some(({ name, ok }) => name === 'snapshotter socket' && ok));
  await snapshotter.stop();
  const after = await examineContainerd(asked);
  t.same(
    after?.findings.filter(({ ok }) => !ok).map(({ name }) => name),
    ['snapshotter socket'],
  );
});
