/** Which repositories a grant covers. */
import t from 'tap';
import { isCovered, isRepositoryRule } from '../src/trust/grant.ts';

function covered(rule: string, repository: string): boolean {
  return isCovered({ repositories: ['other.example/x', rule] }, repository);
}

t.test('exact names, prefixes with a slash, everything', async (t) => {
  t.ok(covered('docker.io/library/alpine', 'docker.io/library/alpine'));
  t.ok(covered('docker.io/library/*', 'docker.io/library/alpine'));
  t.ok(covered('docker.io/*', 'docker.io/library/alpine'));
  t.ok(covered('r.example:5000/*', 'r.example:5000/a/b/c'));
  t.ok(covered('*', 'r.example:5000/a'));
});

t.test('nothing that only looks alike', async (t) => {
  const wrong: readonly (readonly [string, string])[] = [
    ['docker.io/library/alpine', 'docker.io/library/alpine2'],
    ['docker.io/library/alpine', 'docker.io/library/alpine/x'],
    ['docker.io/library/alpine', 'Docker.io/library/alpine'],
    ['docker.io/library/*', 'docker.io/library'],
    ['docker.io/library/*', 'docker.io/library-private/x'],
    ['docker.io/library/*', 'docker.io/Library/x'],
    ['docker.io/lib*', 'docker.io/library'],
    ['docker.io/*/alpine', 'docker.io/library/alpine'],
    ['docker.io/.*', 'docker.io/xy'],
    ['/*', '/a'],
    ['', ''],
    ['*', ''],
    ['*', '..'],
    ['*', 'r.example/../secret'],
    ['r.example/public/*', 'r.example/public/../secret'],
    ['r.example/public/*', 'r.example/public//secret'],
    ['r.example/public/*', 'r.example/public/./secret'],
    ['r.example/public/*', 'r.example/public/%2e%2e/secret'],
    ['r.example/public/*', 'r.example/public/'],
    ['*', `r.example/${'a'.repeat(600)}`],
    ['*', 'r.example/*'],
    ['*', '*'],
  ];
  for (const [rule, repository] of wrong)
    t.notOk(covered(rule, repository), `${rule} ${repository}`);
  t.notOk(isCovered({ repositories: [] }, 'docker.io/library/alpine'));
});

t.test('rules', async (t) => {
  for (const rule of ['*', 'a/*', 'a/b', 'r.example:5000/*']) t.ok(isRepositoryRule(rule), rule);
  for (const rule of [
    '',
    '/*',
    'a/b*',
    '**',
    'a/**',
    '*/a',
    'a/*/b',
    'a//b',
    'a/../b',
    '/a',
    'a/',
  ]) {
    t.notOk(isRepositoryRule(rule), rule);
  }
});
