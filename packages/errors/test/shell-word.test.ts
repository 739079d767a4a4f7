/** What a remedy proposes means to a shell what it says. */
import { execFileSync } from 'node:child_process';
import { shellWord } from '@shoal/errors';
import t from 'tap';

t.test('a shell reads the very text', async (t) => {
  const texts = [
    '/mnt/app',
    '/mnt/a b',
    "it's",
    '$HOME',
    '`id`',
    '-l',
    'a"b',
    '\\',
    'é',
    '',
    '~',
    '#a',
  ];
  const controls = ['a\nb', "\u001b[2J'\\", '\t$x', 'a\u0085b'];
  for (const text of [...texts, ...controls]) {
    const word = shellWord(text);
    t.notMatch(word, /\p{Cc}/u);
    const printed = execFileSync('bash', ['-c', `printf %s ${word}`], { encoding: 'utf8' });
    t.equal(printed, text, word);
  }
  t.equal(shellWord('/mnt/app'), '/mnt/app', 'what is plain stays so');
});
