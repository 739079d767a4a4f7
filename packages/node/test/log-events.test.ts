/** Log lines: each has an event, requests have an id, and the table knows all words of the sources. */
import { closeSync, globSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newRequest, runInRequest } from '@shoal/snapshotter';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { openLog } from '../src/log/log.ts';
import { LOG_EVENT, NAMED_EVENTS } from '../src/log/log-events.ts';

const PACKAGES = fileURLToPath(new URL('../..', import.meta.url));
const CALL = /[lL]og(?:\('error'\))?\??\.(?:debug|info|warn|error|fatal)\(([\s\S]*?)\);/g;

t.test('every log line of the sources has a stable event', (t) => {
  let calls = 0;
  for (const file of globSync('{node,snapshotter}/src/**/*.ts', { cwd: PACKAGES })) {
    for (const [, text = ''] of readFileSync(join(PACKAGES, file), 'utf8').matchAll(CALL)) {
      calls += 1;
      const named = /event: '([^']+)'/.exec(text)?.[1];
      const words = [...text.matchAll(/'((?:[^'\\]|\\.)*)'/g)].at(-1)?.[1];
      if (named !== undefined) t.ok(named in NAMED_EVENTS, `${file}: ${named}`);
      else if (words !== undefined) t.ok(words in LOG_EVENT, `${file}: ${words}`);
    }
  }
  t.ok(calls > 40, `${calls} calls were looked at`);
  const events = [...Object.values(LOG_EVENT), ...Object.keys(NAMED_EVENTS)];
  t.equal(new Set(events).size, events.length, 'no name twice');
  t.end();
});

t.test('one JSON object per line, with event, level and request', (t) => {
  const file = join(temporaryDirectory(t), 'log');
  const fd = openSync(file, 'w');
  const log = openLog('debug', fd);
  log.info({ mountpoint: '/m' }, 'mounted');
  log.warn({ event: 'cache-evicted' }, 'something else');
  log.error('words alone');
  runInRequest(newRequest('grpc', 'Prepare'), () =>
    log.debug({ key: 'k' }, 'a reader waits for bytes'),
  );
  closeSync(fd);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  t.match(
    lines.map((line) => JSON.parse(line)),
    [
      { level: 'info', event: 'mounted', mountpoint: '/m', message: 'mounted', pid: process.pid },
      { level: 'warn', event: 'cache-evicted', message: 'something else' },
      { level: 'error', event: 'other', message: 'words alone' },
      { level: 'debug', event: 'reader-waits', requestId: /^grpc-\d+$/, operation: 'Prepare' },
    ],
  );
  t.match(JSON.parse(lines[0] ?? '').time, /^\d{4}-\d\d-\d\dT/);
  t.end();
});
