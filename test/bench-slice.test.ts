/** Every scenario of `npm run bench` runs to its end on small input. Nothing is said about times. */
import { join } from 'node:path';
import { requireMounts, requireNydus, requireRoot, requireTool, runCommand } from '@shoal/test-kit';
import t from 'tap';

const root = join(import.meta.dirname, '..');
const TIMEOUT_MS = 240_000;

for (const scenario of ['convert', 'mount', 'miss']) {
  t.test(`${scenario} on small input`, async (t) => {
    if (!requireRoot(t) || !requireTool(t, 'zstd', 'time') || requireNydus(t) === undefined) return;
    const { exitCode, stdout, stderr } = await runCommand(
      process.execPath,
      [join(root, 'bench', 'run.ts'), scenario, '--small'],
      { timeoutMs: TIMEOUT_MS },
    );
    t.equal(exitCode, 0, stderr);
    t.match(stdout, /1 \(reference\)/, 'there is a table');
  });
}

t.test('peers on small input', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(
    process.execPath,
    [join(root, 'bench', 'run.ts'), 'peers', '--small'],
    { timeoutMs: TIMEOUT_MS },
  );
  t.equal(exitCode, 0, stderr);
  t.match(stdout, /p99 of 4 KiB/, 'there is a table');
});

t.test('peer-miss on small input: everybody reads the same bytes', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'skopeo')) return;
  const { exitCode, stdout, stderr } = await runCommand(
    process.execPath,
    [join(root, 'bench', 'run.ts'), 'peer-miss', '--small', '--count', '40', '--seed', '7'],
    { timeoutMs: TIMEOUT_MS },
  );
  t.equal(exitCode, 0, stderr);
  t.match(stdout, /seed: 7; chunks: \d+;/);
  t.match(stdout, /p50 of a read, .* \| peer of the rack, chunk alone/, 'there is a table');
  t.match(stdout, /peer of the rack, chunk alone: \d+ peer-rack[;.]/, 'the rack has delivered');
});

t.test('fan-out on small input', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'skopeo')) return;
  const { exitCode, stdout, stderr } = await runCommand(
    process.execPath,
    [join(root, 'bench', 'run.ts'), 'fan-out', '--small'],
    { timeoutMs: TIMEOUT_MS },
  );
  t.equal(exitCode, 0, stderr);
  t.match(stdout, /mounted, all of it read/, 'there is a table');
});

t.test(
  'scale on small input: simulated, so the figures themselves are the same every time',
  async (t) => {
    const { exitCode, stdout, stderr } = await runCommand(
      process.execPath,
      [join(root, 'bench', 'run.ts'), 'scale', '--small'],
      { timeoutMs: TIMEOUT_MS },
    );
    t.equal(exitCode, 0, stderr);
    const figuresOf = (what: string) =>
      [...stdout.matchAll(new RegExp(`: ${what} +\\| simulation +\\| ([0-9.]+) `, 'g'))].map(
        ([, figure]) => Number(figure),
      );
    t.same(new Set(figuresOf('unfinished')), new Set([0]), 'every host that lives has everything');
    const egress = figuresOf('origin bytes');
    t.equal(egress.length, 14);
    t.ok(Math.max(...egress) < 3, `sixty hosts never storm the origin: ${egress.join(' ')}`);
  },
);

t.test('proxy on small input', async (t) => {
  if (!requireTool(t, 'docker-registry')) return;
  const { exitCode, stdout, stderr } = await runCommand(
    process.execPath,
    [join(root, 'bench', 'run.ts'), 'proxy', '--small'],
    { timeoutMs: TIMEOUT_MS },
  );
  t.equal(exitCode, 0, stderr);
  t.match(stdout, /1 \(reference\)/, 'there is a table');
});
