/** docs/logs.md: the events of the daemon's log. */
import { LOG_EVENT, NAMED_EVENTS } from '../../packages/node/src/log/log-events.ts';
import { cell } from './source-files.ts';

const INTRODUCTION = `<!-- Written by scripts/gen-docs.ts from log-events.ts; run "npm run gen". -->
# Logs

The daemon writes one JSON object per line: to \`RUN/shoal.log\` when a command started it, else to standard
error. Fields of every line:

| field | meaning |
| --- | --- |
| \`level\` | \`debug\`, \`info\`, \`warn\`, \`error\`, \`fatal\`; \`[log] level\` of the configuration, read again at SIGHUP |
| \`time\` | ISO 8601 |
| \`pid\` | of the daemon |
| \`event\` | what happened: a name from the table below, which stays when the words change |
| \`message\` | the same in words |
| \`requestId\`, \`operation\` | of lines written while a request is answered: \`grpc-17\` with \`Prepare\`, \`control-3\` with \`POST /v1/mount\` |
| \`code\`, \`reason\` | of an error: its code ([errors](errors.md)) and its words |

Secrets are in no line, whatever the level: no password, no token, no \`Authorization\` header, no query of a URL.

| event | meaning |
| --- | --- |`;

export function renderLogsPage(): string {
  const byWords = Object.entries(LOG_EVENT).map(([words, event]) => [event, words] as const);
  const rows = [...byWords, ...Object.entries(NAMED_EVENTS)].toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const lines = rows.map(([event, meaning]) => `| \`${event}\` | ${cell(meaning)} |`);
  return `${INTRODUCTION}\n${lines.join('\n')}\n| \`supervisor\` | the supervisor of a daemon starts the next one |\n`;
}
