/** What `shoal status` says of parts that are configured and do not run. */
import t from 'tap';
import { missingParts } from '../src/control/missing-parts.ts';

t.test('only what is wanted and not there', (t) => {
  const none = { peer: undefined, proxy: undefined, api: undefined };
  const all = { peer: {}, proxy: '127.0.0.1:1', api: '127.0.0.1:2' };
  t.same(missingParts(none, none), []);
  t.same(missingParts(all, all), []);
  t.match(missingParts({ ...none, peer: {} }, none), [/shares nothing.*peer-not-started/]);
  t.match(missingParts(all, { ...none, peer: {} }), [/proxy-not-served/, /api-not-served/]);
  t.end();
});
