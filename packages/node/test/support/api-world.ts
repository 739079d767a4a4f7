/** The API over a registry in this process, without a daemon around it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodecPool } from '@shoal/blob-store';
import type { IdentityFiles } from '@shoal/p2p-peer/trust';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { ImageAccess } from '@shoal/snapshotter';
import { type TestScope, temporaryDirectory, until } from '@shoal/test-kit';
import { ApiServer } from '../../src/api/api-server.ts';
import { GetTasks, type GetView, type RunGet } from '../../src/api/get-tasks.ts';
import { runGet } from '../../src/api/run-get.ts';

export const TOKEN = 'a-token-of-the-tests';

export type ApiWorldOptions = {
  readonly sources?: readonly string[];
  /** In place of real gets. */
  readonly run?: RunGet;
  readonly nowMs?: () => number;
  readonly tls?: IdentityFiles;
  readonly caFile?: string;
};

export type Said = { readonly status: number; readonly body: Record<string, unknown> };

export class ApiWorld {
  readonly directory: string;
  readonly tokenFile: string;
  readonly registryHost: string;
  readonly address: string;
  readonly tasks: GetTasks;

  static async open(t: TestScope, options: ApiWorldOptions = {}): Promise<ApiWorld> {
    const registry = await EmbeddedRegistry.listen();
    t.teardown(() => registry.close());
    const home = temporaryDirectory(t);
    const directory = join(home, 'files');
    mkdirSync(directory);
    const tokenFile = join(home, 'token');
    writeFileSync(tokenFile, `${TOKEN}\n`);
    const access = new ImageAccess();
    t.teardown(() => access.close());
    const codecs = new CodecPool({ threads: 1 });
    t.teardown(() => codecs.close());
    const components = {
      access,
      peer: undefined,
      limit: undefined,
      codecs,
      directory,
      caFile: options.caFile,
    };
    const run: RunGet = options.run ?? ((order, given) => runGet(order, components, given));
    const tasks = new GetTasks({ directory, run, nowMs: options.nowMs });
    t.teardown(() => tasks.close());
    const { sources = [registry.host] } = options;
    const address = { host: '127.0.0.1', port: 0 };
    const config = { address, tlsDirectory: undefined, tokenFile, directory, sources };
    const server = await ApiServer.listen(config, tasks, options.tls);
    t.teardown(() => server.close());
    return new ApiWorld({ directory, tokenFile, tasks }, registry.host, server.address);
  }

  private constructor(
    { directory, tokenFile, tasks }: Pick<ApiWorld, 'directory' | 'tokenFile' | 'tasks'>,
    registryHost: string,
    address: string,
  ) {
    this.directory = directory;
    this.tokenFile = tokenFile;
    this.tasks = tasks;
    this.registryHost = registryHost;
    this.address = address;
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    authorization: string | undefined = `Bearer ${TOKEN}`,
  ): Promise<Said> {
    const answer = await fetch(`http://${this.address}${path}`, {
      method,
      headers: authorization === '' ? {} : { authorization },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const said: unknown = await answer.json();
    if (typeof said !== 'object' || said === null) throw new Error('no object came');
    return { status: answer.status, body: { ...said } };
  }

  /** Orders it, and waits until it is over. */
  async get(order: Readonly<Record<string, unknown>>): Promise<GetView> {
    const { status, body } = await this.ask('POST', '/v1/gets', order);
    if (status !== 201) throw new Error(`refused: ${JSON.stringify(body)}`);
    const id = String(body['id']);
    await until('it is over', () => this.tasks.get(id).endedAt !== undefined);
    return this.tasks.get(id);
  }
}
