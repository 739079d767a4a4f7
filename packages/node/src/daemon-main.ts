/** Entry of a detached daemon, started by `process/start-daemon.ts`. */
import { parseArgs } from 'node:util';
import { errorFields } from '@shoal/snapshotter';
import { openLog } from './log/log.ts';
import { DaemonExit, isAnotherThere } from './process/daemon-exit.ts';
import { runDaemon } from './run-daemon.ts';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    run: { type: 'string' },
    config: { type: 'string' },
    'ready-fd': { type: 'string' },
    replace: { type: 'boolean' },
  },
});

try {
  await runDaemon({
    root: values.root,
    run: values.run,
    configFile: values.config,
    isDetached: true,
    // Once: the supervisor gives the descriptor to its first daemon only.
    isReplacing: values.replace === true && values['ready-fd'] !== undefined,
    readyFd: values['ready-fd'] === undefined ? undefined : Number(values['ready-fd']),
  });
  process.exit(DaemonExit.stopped);
} catch (error) {
  openLog('error').fatal(errorFields(error), 'the daemon did not start');
  process.exit(isAnotherThere(error) ? DaemonExit.another : DaemonExit.notStarted);
}
