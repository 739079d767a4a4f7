/**
 * The daemon's log: one JSON object per line (pino), times in ISO 8601. Written synchronously, so
 * that the last line before a crash is there.
 */
import { currentRequest } from '@shoal/snapshotter';
import pino from 'pino';
import { eventOf } from './log-events.ts';
import { LogFile, type LogFileOptions } from './log-file.ts';
import type { LogLevel } from './log-levels.ts';

export type Log = pino.Logger;

/** Opens a log on a descriptor, standard error by default; with its path it is kept bounded. */
export function openLog(level: LogLevel, fd = 2, options: LogFileOptions = {}): Log {
  return pino(
    {
      level,
      base: { pid: process.pid },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      // Which request a line belongs to; a copy, since what the line says is added to it.
      mixin: () => ({ ...currentRequest() }),
      hooks: {
        logMethod([first, ...rest], write) {
          write.apply(this, namedEvent(first, rest));
        },
      },
      formatters: { level: (label) => ({ level: label }) },
    },
    new LogFile(fd, options),
  );
}

type LogArguments = Parameters<pino.LogFn>;

/** Every line has an `event`: its own, or that of its words. */
function namedEvent(first: unknown, rest: readonly unknown[]): LogArguments {
  const isFields = typeof first === 'object' && first !== null;
  const fields = isFields ? first : {};
  const words = isFields ? rest : [first, ...rest];
  const [message] = words;
  return [{ event: eventOf(message), ...fields }, ...words.map(String)];
}
