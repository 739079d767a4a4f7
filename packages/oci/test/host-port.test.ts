/** Addresses of servers: read, written, and what is wrong with those that are none. */
import t from 'tap';
import { formatHostPort, isHostPort, parseHostPort } from '../src/host-port.ts';

t.test('what is read is written the same', async (t) => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['127.0.0.1:9815', '127.0.0.1', 9815],
    ['registry.example:0', 'registry.example', 0],
    ['a_b-c:65535', 'a_b-c', 65_535],
    ['[::1]:80', '::1', 80],
    ['[::ffff:10.0.0.1]:1', '::ffff:10.0.0.1', 1],
  ];
  for (const [text, host, port] of cases) {
    t.same(parseHostPort(text), { host, port });
    t.equal(formatHostPort({ host, port }), text);
    t.ok(isHostPort(text));
  }
});

t.test('what is none is refused, and says why', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ...['', '9815', ':9815', 'host', 'host:', 'host:x', 'a b:1', 'host:123456', '[::1]'].map(
      (text) => [text, /it is not HOST:PORT/] as const,
    ),
    ['http://host:1', /it is not HOST:PORT/],
    [`${'a'.repeat(254)}:1`, /it is not HOST:PORT/],
    ['::1:80', /in brackets/],
    ['fd00::1:443', /in brackets/],
    ['[1.2.3.4]:1', /no IPv6 address/],
    ['[:::]:1', /no IPv6 address/],
    ['host:65536', /ports end at 65535/],
    ['[::1]:70000', /ports end at 65535/],
  ];
  for (const [text, message] of cases) {
    t.throws(() => parseHostPort(text), { code: 'ERR_OCI_HOST_PORT', message }, text);
    t.notOk(isHostPort(text));
  }
});
