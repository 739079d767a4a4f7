/** Entry of a detached daemon, started by `start-daemon.ts`. */
import { parseArgs } from 'node:util';
import { runDaemon } from './run-daemon.ts';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    run: { type: 'string' },
    config: { type: 'string' },
    'ready-fd': { type: 'string' },
  },
});

try {
  await runDaemon({
    root: values.root,
    run: values.run,
    configFile: values.config,
    readyFd: values['ready-fd'] === undefined ? undefined : Number(values['ready-fd']),
  });
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
