/** The takeover test at length: twenty deaths at random moments and at every injected point. */
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { listHolders } from '../src/holder/holder.ts';
import { workDirectory } from './support/fixtures.ts';
import type { DieAt } from './support/takeover-files.ts';
import { runTakeover } from './support/takeover-run.ts';

const PLACES: readonly DieAt[] = ['never', 'before-fill', 'never', 'after-fill', 'after-taking'];
const KILLS = 20;
/** Milliseconds for a random moment, misses for the injected points. */
const AFTER_MAX = {
  never: 1500,
  'before-fill': 300,
  'after-fill': 300,
  'after-taking': 0,
} as const;

t.setTimeout(600_000);

t.test('readers survive twenty deaths of the server', async (t) => {
  if (!requireMounts(t)) return;
  const directory = workDirectory(t);
  const kills = Array.from({ length: KILLS }, (_, index) => {
    const dieAt = PLACES[index % PLACES.length] ?? 'never';
    return { dieAt, after: Math.floor(Math.random() * AFTER_MAX[dieAt]) };
  });
  t.comment(JSON.stringify(kills));
  const counts = await runTakeover(directory, kills, 500_000);
  for (const reader of counts) {
    t.match(reader, { wrong: 0, errors: 0 }, JSON.stringify(reader));
    t.ok(reader.reads > KILLS, `${reader.kind} reads`);
  }
  t.same(listHolders(directory), [], 'no holder is left');
});
