/** Names of services, and what a real DNS server says of them. */
import { DnsServer } from '@shoal/test-kit';
import t from 'tap';
import { DISCOVERED_ADDRESSES_MAX } from '../src/discovery/limits.ts';
import { parseServiceName } from '../src/discovery/service-name.ts';
import { ServiceResolver } from '../src/discovery/service-resolver.ts';

const NEVER = new AbortController().signal;
const NAME = 'shoal-peers.shoal.svc.cluster.local';

async function resolverOf(t: Parameters<typeof DnsServer.listen>[0]) {
  const dns = await DnsServer.listen(t);
  const resolver = new ServiceResolver({ servers: [dns.address] });
  const resolve = (text: string, signal = NEVER) =>
    resolver.resolve(parseServiceName(text), signal);
  return { dns, resolve };
}

t.test('names, with a port or without', (t) => {
  t.same(parseServiceName(`${NAME}:4010`), { name: NAME, port: 4010 });
  t.same(parseServiceName(`${NAME}.`), { name: NAME, port: undefined });
  t.same(parseServiceName('_x._tcp.a'), { name: '_x._tcp.a', port: undefined });
  const wrong = [
    '',
    ':4010',
    'a..b',
    'a:0',
    'a:65536',
    'a b',
    'a/b',
    '-a',
    'a:1:2',
    '[::1]:1',
    'é',
  ];
  for (const text of [...wrong, 'x'.repeat(64), `${'x.'.repeat(127)}xx`]) {
    t.throws(() => parseServiceName(text), { code: 'ERR_P2P_DISCOVERY_NAME' }, text);
  }
  t.end();
});

t.test('addresses of both kinds, each with the port', async (t) => {
  const { dns, resolve } = await resolverOf(t);
  dns.addresses.set(NAME, ['10.0.0.5', 'fd00::1:2', '10.0.0.6']);
  t.same((await resolve(`${NAME}:4010`)).toSorted(), [
    '10.0.0.5:4010',
    '10.0.0.6:4010',
    '[fd00::1:2]:4010',
  ]);
  dns.addresses.set(NAME, ['fd00::7']);
  t.same(await resolve(`${NAME}:1`), ['[fd00::7]:1'], 'one kind is enough');
  t.ok(
    dns.asked.every((name) => name === NAME),
    'no other name is tried',
  );
});

t.test('SRV records tell ports; a target that is gone takes none away', async (t) => {
  const { dns, resolve } = await resolverOf(t);
  dns.addresses.set('a.test', ['10.0.0.1']);
  dns.addresses.set('b.test', ['10.0.0.2']);
  dns.services.set(`_shoal._tcp.${NAME}`, [
    { target: 'a.test', port: 7001 },
    { target: 'gone.test', port: 7002 },
    { target: 'b.test', port: 7003 },
  ]);
  t.same((await resolve(NAME)).toSorted(), ['10.0.0.1:7001', '10.0.0.2:7003']);
  t.same((await resolve(`_shoal._tcp.${NAME}`)).length, 2, 'written out');
});

t.test('of too many addresses every host takes the same', async (t) => {
  const { dns, resolve } = await resolverOf(t);
  const targets = Array.from({ length: 30 }, (_, at) => `t${at}.test`);
  const block = (at: number) => Array.from({ length: 50 }, (_, last) => `10.0.${at}.${last}`);
  for (const [at, target] of targets.entries()) dns.addresses.set(target, block(at));
  const records = targets.map((target) => ({ target, port: 1 }));
  dns.services.set('_shoal._tcp.many.test', records);
  const first = await resolve('many.test');
  t.equal(first.length, DISCOVERED_ADDRESSES_MAX);
  dns.services.set('_shoal._tcp.many.test', records.toReversed());
  t.same(await resolve('many.test'), first);
});

t.test(
  'names without an answer take no more than the time for all; what was found counts',
  async (t) => {
    const { dns } = await resolverOf(t);
    dns.addresses.set('good.test', ['10.0.0.1']);
    const silent = Array.from({ length: 200 }, (_, at) => `silent${at}.test`);
    for (const name of silent) dns.silent.add(name);
    const targets = [...silent.slice(0, 10), 'good.test', ...silent.slice(10)];
    dns.services.set(
      '_shoal._tcp.slow.test',
      targets.map((target) => ({ target, port: 9 })),
    );
    const servers = [dns.address];
    // One after the other they would take longer than a test may.
    const resolver = new ServiceResolver({ servers, timeoutMs: 60_000, deadlineMs: 1000 });
    const found = await resolver.resolve(parseServiceName('slow.test'), NEVER);
    t.same(found, ['10.0.0.1:9']);
    t.ok(new Set(dns.asked).size < silent.length, 'those behind were not asked for');
    dns.services.set(
      '_shoal._tcp.none.test',
      silent.map((target) => ({ target, port: 9 })),
    );
    const failed = { code: 'ERR_P2P_DISCOVERY_LOOKUP' };
    await t.rejects(resolver.resolve(parseServiceName('none.test'), NEVER), failed);
  },
);

t.test('what cannot be looked up is an error with the name in it', async (t) => {
  const { dns, resolve } = await resolverOf(t);
  const failed = { code: 'ERR_P2P_DISCOVERY_LOOKUP' };
  await t.rejects(resolve(`${NAME}:1`), { ...failed, message: /shoal-peers.*:1.*ENOTFOUND/ });
  dns.addresses.set(NAME, []);
  await t.rejects(resolve(`${NAME}:1`), failed, 'a service without hosts');
  dns.isDown = true;
  await t.rejects(resolve(`${NAME}:1`), failed);
  await t.rejects(resolve(NAME), failed);
  const aborted = AbortSignal.abort(new Error('enough'));
  await t.rejects(resolve(`${NAME}:1`, aborted), /enough/);
});
