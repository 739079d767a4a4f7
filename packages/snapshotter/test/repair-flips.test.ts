/** A repair after one bit of a table has changed saves no less than LevelDB's does, wherever it is. */
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { FLIPPED, repairFlips, writeWhole } from './support/repair-flips.ts';

/** Bytes from one to the next. */
const STEP = 29;

for (const compression of [true, false]) {
  t.test(`a table with compression ${compression}`, async (t) => {
    const place = temporaryDirectory(t);
    const size = await writeWhole(place, compression);
    const alone = await repairFlips(place, 'leveldb', STEP);
    const flips = await repairFlips(place, 'shoal', STEP);
    t.equal(flips.size, Math.ceil(size / STEP), 'none ends the process');
    const all = [...flips.values()];
    t.strictSame(
      all.filter(({ wrong }) => wrong > 0),
      [],
      'no record is wrong',
    );
    const fewer = all.filter(({ at, saved }) => saved < (alone.get(at)?.saved ?? 0));
    t.strictSame(fewer, [], 'none saves less than LevelDB');
    const saved = all.reduce((sum, flip) => sum + flip.saved, 0) / all.length;
    const ended = flips.size - alone.size;
    const aloneSaved = [...alone.values()].reduce((sum, flip) => sum + flip.saved, 0) / alone.size;
    t.comment(JSON.stringify({ size, flips: flips.size, saved, ended, aloneSaved }));
    t.ok(saved > FLIPPED.size * (compression ? 0.5 : 0.9), `${saved} of ${FLIPPED.size} are saved`);
  });
}
