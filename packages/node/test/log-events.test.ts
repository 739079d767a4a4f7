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
/** Up to and with the parenthesis before the arguments. */
const CALL = /[lL]og(?:\('error'\))?\??(?:\.(?:debug|info|warn|error|fatal)|\[level\])\(/g;
/** What the log itself writes its lines with. */
const LOG_ITSELF = /^node\/src\/log\//;
/** The kind of an event is put behind these. */
const WITH_KIND = /^(?:cache|peer-store)-\$/;
const LITERAL = /^'((?:[^'\\]|\\.)*)'$/;

/** The arguments of a call as they are written; `text` begins behind its parenthesis. */
function argumentsOf(text: string): string[] {
  const found = [''];
  let depth = 0;
  let quote = '';
  for (const [at, character] of [...text].entries()) {
    if (quote !== '') {
      if (character === quote && text[at - 1] !== '\\') quote = '';
    } else if ('\'"`'.includes(character)) quote = character;
    else if ('([{'.includes(character)) depth += 1;
    else if (')]}'.includes(character) && --depth < 0) break;
    else if (character === ',' && depth === 0) {
      found.push('');
      continue;
    }
    found.push(`${found.pop()}${character}`);
  }
  return found.map((one) => one.trim()).filter((one) => one !== '');
}

type Call = { readonly file: string; readonly event?: string; readonly words?: string };

/** Every call of a log in the packages whose lines have events. */
function logCalls(): Call[] {
  const files = globSync('{node,snapshotter}/src/**/*.ts', { cwd: PACKAGES });
  return files
    .filter((file) => !LOG_ITSELF.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(PACKAGES, file), 'utf8');
      return [...text.matchAll(CALL)].map((match): Call => {
        const given = argumentsOf(text.slice(match.index + match[0].length));
        const event = /\bevent: ['`]([^'`]+)['`]/.exec(given[0] ?? '')?.[1];
        const words = LITERAL.exec(given.at(-1) ?? '')?.[1];
        return {
          file,
          ...(event === undefined ? {} : { event }),
          ...(words === undefined ? {} : { words }),
        };
      });
    });
}

t.test('the arguments of a call, whatever is in them', (t) => {
  const text = "{ a: f(1, 2), b: `x, y}` },\n  'it is, (so)',\n); more('x')";
  t.same(argumentsOf(text), ['{ a: f(1, 2), b: `x, y}` }', "'it is, (so)'"]);
  t.end();
});

t.test('every log line of the sources has a stable event, and every event a line', (t) => {
  const calls = logCalls();
  t.ok(calls.length > 40, `${calls.length} calls were looked at`);
  for (const { file, event, words } of calls) {
    if (event === undefined) t.ok(words !== undefined && words in LOG_EVENT, `${file}: ${words}`);
    // A kind is put behind it: the kinds are a type, and the table has them all.
    else if (!WITH_KIND.test(event)) t.ok(event in NAMED_EVENTS, `${file}: ${event}`);
  }
  const said = new Set(calls.flatMap(({ words }) => words ?? []));
  t.same(
    Object.keys(LOG_EVENT).filter((words) => !said.has(words)),
    [],
  );
  const named = new Set(calls.flatMap(({ event }) => event ?? []));
  const unused = Object.keys(NAMED_EVENTS).filter(
    (event) => !named.has(event) && event !== 'other' && !/^(?:cache|peer-store)-/.test(event),
  );
  t.same(unused, []);
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
