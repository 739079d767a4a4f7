/** Serves gets over HTTP at the configured address, if there is one. Loaded only then. */
import { join } from 'node:path';
import type { IdentityFiles } from '@shoal/p2p-peer/trust';
import { errorFields } from '@shoal/snapshotter';
import type { ApiConfig } from '../config/api-config.ts';
import type { Log } from '../log/log.ts';
import type { GetComponents } from './run-get.ts';

export type ServeApiInput = Omit<GetComponents, 'directory'> & {
  readonly config: ApiConfig | undefined;
  readonly log: Log;
};

export type ServedApi = AsyncDisposable & { readonly address: string };

/** An address that is taken keeps no mount from being served: the log says it. */
export async function serveApi(input: ServeApiInput): Promise<ServedApi | undefined> {
  const { config, log, ...reached } = input;
  if (config === undefined) return undefined;
  const [{ ApiServer }, { GetTasks }, { runGet }] = await Promise.all([
    import('./api-server.ts'),
    import('./get-tasks.ts'),
    import('./run-get.ts'),
  ]);
  const { directory } = config;
  await using opened = new AsyncDisposableStack();
  const tasks = opened.use(
    new GetTasks({
      directory,
      run: (order, options) => runGet(order, { ...reached, directory }, options),
    }),
  );
  try {
    const tls = await openTls(config, log);
    opened.use(tls);
    const server = opened.use(await ApiServer.listen(config, tasks, tls));
    const { address } = server;
    log.info({ event: 'api-served', address, directory }, 'gets are served');
    const closing = opened.move();
    return { address, [Symbol.asyncDispose]: () => closing.disposeAsync() };
  } catch (error) {
    log.error({ event: 'api-not-served', ...errorFields(error) }, 'gets are not served');
    return undefined;
  }
}

/** Read again when they change. */
async function openTls({ tlsDirectory }: ApiConfig, log: Log): Promise<IdentityFiles | undefined> {
  if (tlsDirectory === undefined) return undefined;
  const { IdentityFiles } = await import('@shoal/p2p-peer/trust');
  // Nobody is asked for a certificate: the authority does not matter.
  const cert = join(tlsDirectory, 'tls.crt');
  return await IdentityFiles.open(
    { ca: cert, cert, key: join(tlsDirectory, 'tls.key') },
    {
      onProblem: (error) =>
        log.warn(
          { event: 'api-certificate', ...errorFields(error) },
          'a changed certificate of the API cannot be used',
        ),
    },
  );
}
