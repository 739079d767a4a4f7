import { until } from '@shoal/test-kit';
import t from 'tap';
import { READ_POLICY } from '../src/select/read-policy.ts';
import { SilentWires } from '../src/swarm/silent-wires.ts';

t.test('a wire is silent once that was seen twice, and until it says something', async (t) => {
  const silent = new SilentWires();
  const wire = { silentMs: 0, pauseMs: 0 };
  t.notOk(silent.has(wire));
  wire.silentMs = READ_POLICY.silenceMsMax;
  t.notOk(silent.has(wire), 'this process may have been away itself');
  await until('it is silent still', () => silent.has(wire));
  wire.silentMs = 0;
  t.notOk(silent.has(wire));
});

t.test('what comes meanwhile counts', async (t) => {
  const silent = new SilentWires();
  const wire = { silentMs: READ_POLICY.silenceMsMax, pauseMs: 0 };
  t.notOk(silent.has(wire));
  wire.silentMs = 0;
  await new Promise((resolve) => setTimeout(resolve, 200));
  wire.silentMs = READ_POLICY.silenceMsMax;
  t.notOk(silent.has(wire));
});

t.test('one that was silent at times and lived is given longer', async (t) => {
  const silent = new SilentWires();
  const wire = { silentMs: READ_POLICY.silenceMsMax - 1, pauseMs: READ_POLICY.silenceMsMax };
  silent.has(wire);
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.notOk(silent.has(wire));
});
