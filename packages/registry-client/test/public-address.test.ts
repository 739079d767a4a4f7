/** Which addresses strangers may send us to. */
import { RedirectError } from '@shoal/registry-client';
import t from 'tap';
import { isPublicAddress } from '../src/http/public-address.ts';
import { PublicOnlyGuard, publicLookup } from '../src/http/public-only-guard.ts';

t.test('public addresses, and all others', async (t) => {
  for (const address of ['1.1.1.1', '8.8.8.8', '172.15.0.1', '172.32.0.1', '2606:4700::1111']) {
    t.ok(isPublicAddress(address), address);
  }
  for (const address of [
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.255.255.255', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.168.1.1', '198.18.0.1'],
    ...['198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    ...['::', '::1', '::ffff:8.8.8.8', '::ffff:127.0.0.1', '64:ff9b::808:808', '100::1'],
    ...['2001::1', '2001:db8::1', '2002:7f00:1::', 'fc00::1', 'fd12::1', 'fe80::1', 'ff02::1'],
    ...['', 'localhost', 'example.org', '1.1.1', '1.1.1.1.1'],
  ]) {
    t.notOk(isPublicAddress(address), address);
  }
});

t.test('names are checked by what they lead to', async (t) => {
  const looked = (host: string, all: boolean) =>
    new Promise((resolve) => publicLookup(host, { all }, (error) => resolve(error)));
  for (const all of [true, false]) t.ok((await looked('localhost', all)) instanceof RedirectError);
  const missing = await looked('no-such-host.invalid', true);
  t.ok(missing instanceof Error && !(missing instanceof RedirectError));
});

t.test('only what is trusted may be private', async (t) => {
  const guard = new PublicOnlyGuard(new Set(['10.0.0.1:5000', 'store.internal:443', '[::1]:80']));
  for (const url of [
    'http://10.0.0.1:5000/x',
    'https://store.internal/x',
    'http://[::1]/',
    'https://1.1.1.1/',
    'https://example.org/',
  ]) {
    t.doesNotThrow(() => guard.check(new URL(url)), url);
  }
  for (const url of [
    'http://10.0.0.1/',
    'https://10.0.0.1:5001/',
    'http://[::1]:81/',
    'http://a.localhost/',
  ]) {
    t.throws(() => guard.check(new URL(url)), { code: 'ERR_REGISTRY_CLIENT_REDIRECT' }, url);
  }
});
