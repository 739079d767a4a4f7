import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { IdleMemory } from '../src/idle-memory.ts';
import { TRIM_BYTES_MIN } from '../src/limits.ts';

t.test('memory is given back once after there was something to do', async (t) => {
  let [resident, looks, collections] = [100 << 20, 0, 0];
  using memory = new IdleMemory({
    afterMs: 10,
    residentBytes: () => {
      looks += 1;
      return resident;
    },
    collect: () => {
      collections += 1;
      resident = 80 << 20;
    },
  });
  await until('it is given back after the start', () => collections === 1);
  const before = looks;
  memory.touch();
  await until('somebody looks', () => looks > before);
  t.equal(collections, 1, 'not for nothing');
  resident += TRIM_BYTES_MIN;
  memory.touch();
  await until('it is given back when it has grown', () => collections === 2);
  const after = looks;
  await sleep(50);
  t.equal(looks, after, 'nothing runs while nothing happens');
  memory.close();
  resident += TRIM_BYTES_MIN;
  memory.touch();
  await sleep(50);
  t.equal(collections, 2, 'nothing after the end');
});

t.test('the real thing', async (t) => {
  let collected = 0;
  using _ = new IdleMemory({
    afterMs: 1,
    residentBytes: () => {
      collected += 1;
      return process.memoryUsage.rss();
    },
  });
  await until('it is measured', () => collected >= 2);
  t.equal(collected, 2, 'measured before and after');
});
