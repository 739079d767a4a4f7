/** Redirects from elsewhere do not lead to services of this machine. */
import { Readable } from 'node:stream';
import t from 'tap';
import { redirectTarget } from '../src/http/redirect.ts';

function leadsTo(from: string, location: string, isGuarded = false): URL {
  const headers = new Map([['location', location]]);
  const answer = { status: 307, headers, body: Readable.from([]), url: new URL(from) };
  return redirectTarget(
    { ...answer, hasBody: true, rateWindowMs: 1000 },
    { mayBePlain: true, isGuarded },
  );
}

t.test('what is here is for who is here', (t) => {
  const here = [
    'http://127.0.0.1:4001/v2/team/secret/blobs/x?ns=private.example',
    'http://127.1:4001/',
    'http://2130706433/',
    'http://0.0.0.0:4001/',
    'http://localhost:4001/',
    'http://mirror.localhost./',
    'http://[::1]:4001/',
    'http://[::]/',
    'http://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/latest/meta-data/',
    'http://100.100.100.200/',
    'http://168.63.129.16/',
  ];
  for (const location of here) {
    const code = 'ERR_REGISTRY_CLIENT_REDIRECT';
    t.throws(() => leadsTo('http://evil.example/v2/', location), { code }, location);
    t.throws(() => leadsTo('https://10.0.0.9/v2/', location), { code }, location);
    t.ok(leadsTo('http://registry.example/v2/', location, true), 'a guard decides');
  }
  t.equal(leadsTo('http://127.0.0.1:5000/v2/', 'http://127.0.0.1:9000/x').port, '9000');
  for (const elsewhere of [
    'http://10.0.0.9:9000/x',
    'http://fe80.example/',
    'http://0.example/',
    'http://localhost.example/',
    'http://[fd00::1]/',
  ]) {
    t.equal(leadsTo('http://registry.example/v2/', elsewhere).href, elsewhere);
  }
  t.end();
});
