import fc from 'fast-check';
import t from 'tap';
import type { BencodeNode, BencodeValue } from '../src/torrent/bencode.ts';
import { decodeBencode, encodeBencode } from '../src/torrent/bencode.ts';

function plain(node: BencodeNode): BencodeValue {
  if (node.kind === 'list') return node.value.map(plain);
  if (node.kind === 'dictionary') {
    return new Map([...node.value].map(([key, value]) => [key, plain(value)]));
  }
  return node.value;
}

t.test('what is written reads back, and knows where it stands', async (t) => {
  const { value } = fc.letrec<{ value: BencodeValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.maxSafeInteger(),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.array(tie('value'), { maxLength: 4 }),
      fc
        .array(fc.tuple(fc.string({ unit: 'binary-ascii', maxLength: 6 }), tie('value')), {
          maxLength: 4,
        })
        .map((entries) => new Map(entries)),
    ),
  }));
  fc.assert(
    fc.property(value, (written) => {
      const bytes = encodeBencode(written);
      const node = decodeBencode(bytes);
      t.same([node.start, node.end], [0, bytes.length]);
      t.ok(encodeBencode(plain(node)).equals(bytes));
    }),
  );
  const outer = decodeBencode(Buffer.from('d1:ad1:bi7eee'));
  const inner = outer.kind === 'dictionary' ? outer.value.get('a') : undefined;
  t.match(inner, { start: 4, end: 12 });
  t.equal(encodeBencode('é').toString(), '2:é');
});

t.test('whatever could be read in two ways is refused', async (t) => {
  const wrong = [
    '',
    'x',
    'i',
    'ie',
    'i-0e',
    'i01e',
    'i-e',
    'i+1e',
    'i1.5e',
    'i1',
    'i9007199254740993e',
    'i99999999999999999999999999e',
    '01:a',
    '-1:a',
    '+1:a',
    '1:',
    '2:a',
    '9007199254740991:a',
    '99999999999999999999:a',
    ':a',
    '1a',
    'l',
    'li1e',
    'd',
    'd1:a',
    'd1:ae',
    'd1:ai1e',
    'di1ei1ee',
    'd1:ai1e1:ai2ee',
    'd1:bi1e1:ai2ee',
    'i1ei1e',
    'i1e\n',
    '-5:',
    'd-2:ai1ee',
    `${'l'.repeat(100_000)}${'e'.repeat(100_000)}`,
    `l${'le'.repeat(5000)}e`,
  ];
  for (const text of wrong) {
    const run = () => decodeBencode(Buffer.from(text));
    t.throws(run, { code: 'ERR_P2P_BENCODE' }, text.slice(0, 40));
  }
  t.throws(() => encodeBencode(1.5), { code: 'ERR_P2P_BENCODE' });
});
