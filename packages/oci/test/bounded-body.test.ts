/** Bodies of strangers: whole up to the bound, and not read beyond it. */
import { readBounded } from '@shoal/oci/bounded-body';
import t from 'tap';

const tooMuch = () => new RangeError('too much');

/** Counts the parts that are taken, and hears when the rest is given up. */
function bodyOf(...parts: readonly unknown[]) {
  const seen = { taken: 0, isLeft: false };
  async function* body(): AsyncGenerator<unknown> {
    try {
      for (const part of parts) {
        seen.taken += 1;
        yield part;
      }
    } finally {
      seen.isLeft = true;
    }
  }
  return { body: body(), seen };
}

t.test('all of it, up to the bound; text is none of it', async (t) => {
  const { body } = bodyOf(Buffer.from('ab'), 'text', new Uint8Array([0x63, 0x64]));
  t.equal((await readBounded(body, 4, tooMuch)).toString(), 'abcd');
  t.equal((await readBounded(bodyOf().body, 0, tooMuch)).length, 0);
});

t.test('a byte more ends it at once', async (t) => {
  const { body, seen } = bodyOf(Buffer.from('abc'), Buffer.from('de'), Buffer.from('f'));
  await t.rejects(readBounded(body, 4, tooMuch), { message: 'too much' });
  t.same(seen, { taken: 2, isLeft: true }, 'the rest is not asked for');
});
