/**
 * Pods of the rendered chart, run by podman: each is a container with the user, capabilities, file system,
 * environment, arguments and volumes that its template says, on a host of its own in a test's network.
 * What a cluster would do besides (scheduling, DNS, storage, admission) is not there.
 */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CommandResult, runChecked, runCommand, type TestScope } from '@shoal/test-kit';
import type { NetworkHost } from './host-network.ts';
import { mountsBelow } from './own-daemon.ts';
import { environmentOf, type Rendered, type Volume, type Workload } from './rendered-chart.ts';

export type Files = Readonly<Record<string, string>>;

export type PodsInput = {
  readonly directory: string;
  readonly objects: readonly Rendered[];
  /** By name, then by key. */
  readonly secrets: ReadonlyMap<string, Files>;
  /** Addresses by name, as the cluster's DNS would tell them. */
  readonly names: ReadonlyMap<string, string>;
};

export type RunningPod = {
  readonly name: string;
  /** Runs the image's own command beside the pod's. */
  exec(...args: readonly string[]): Promise<CommandResult>;
  log(): Promise<string>;
  remove(): Promise<void>;
};

const IMAGE = 'localhost/shoal:test';
const BASE = 'localhost/base:test';
const BUILD_MS_MAX = 300_000;
/** Lower than those of this process may be: podman would raise them. */
const LIMITS = ['--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=1000:4000'];

export class Pods {
  readonly #t: TestScope;
  readonly #input: PodsInput;
  readonly #own: readonly string[];

  constructor(t: TestScope, input: PodsInput) {
    this.#t = t;
    this.#input = input;
    const at = (name: string) => join(input.directory, 'podman', name);
    // podman mounts its own store, and leaves that to whoever comes next when two of it end together.
    t.teardown(async () => {
      for (const mountpoint of mountsBelow(input.directory)) {
        await runCommand('umount', ['-l', mountpoint]);
      }
    });
    this.#own = [
      ...['--root', at('root'), '--runroot', at('run'), '--storage-driver', 'overlay'],
      ...['--cgroup-manager', 'cgroupfs', '--events-backend', 'none', '--runtime', 'runc'],
    ];
  }

  /** `base`: tar of a root file system in the place of the one that a registry would have. */
  async build(dockerfile: string, context: string, base: string): Promise<void> {
    await this.#podman(['import', '--quiet', base, BASE]);
    const offline = [
      '--isolation',
      'chroot',
      '--network',
      'host',
      '--pull=never',
      '--layers=false',
    ];
    const argv = ['--build-arg', `BASE=${BASE}`, '--file', dockerfile, '--tag', IMAGE, context];
    await this.#podman(['build', ...offline, ...argv]);
  }

  /** `hostFiles`: what the paths of the node that have to be there hold. */
  async run(
    name: string,
    spec: Workload,
    host: NetworkHost,
    hostFiles: Files = {},
  ): Promise<RunningPod> {
    const { containers, securityContext: ofPod } = spec.template.spec;
    const { args, securityContext: own, volumeMounts } = containers[0];
    const user = own.runAsUser ?? ofPod?.runAsUser ?? 0;
    const env = environmentOf(spec, { POD_IP: host.address, POD_NAME: name });
    const argv = [
      ...['run', '--detach', '--name', name, '--network', 'host', '--user', `${user}:${user}`],
      ...(own.readOnlyRootFilesystem === true ? ['--read-only', '--read-only-tmpfs=false'] : []),
      ...(own.capabilities?.drop ?? []).flatMap((each) => ['--cap-drop', each]),
      ...['--security-opt', 'no-new-privileges', ...LIMITS],
      ...Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      ...[...this.#input.names].flatMap(([key, value]) => ['--add-host', `${key}:${value}`]),
    ];
    for (const { name: volume, mountPath, readOnly } of volumeMounts) {
      const found = spec.template.spec.volumes.find((one) => one.name === volume);
      if (found?.emptyDir !== undefined) argv.push('--tmpfs', mountPath);
      else {
        const source = join(this.#input.directory, name, volume);
        this.#fill(source, found, { files: hostFiles, group: ofPod?.fsGroup ?? 0 });
        argv.push('--volume', `${source}:${mountPath}:${readOnly === true ? 'ro' : 'rw'}`);
      }
    }
    await this.#podman([...argv, IMAGE, ...args], host.launcher);
    const remove = async () => void (await this.#try(['rm', '--force', '--time', '0', name]));
    this.#t.teardown(remove);
    return {
      ...{ name, remove },
      exec: (...command) => this.#try(['exec', name, '/usr/bin/shoal', ...command]),
      log: async () => {
        const { stdout, stderr } = await this.#try(['logs', name]);
        return `${stdout}${stderr}`;
      },
    };
  }

  /** As the kubelet does, with the modes that the templates have. */
  #fill(
    directory: string,
    volume: Volume | undefined,
    { files, group }: { readonly files: Files; readonly group: number },
  ): void {
    mkdirSync(directory, { recursive: true });
    for (const [path, text] of this.#contents(volume, files)) {
      const file = join(directory, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      chownSync(file, 0, group);
      chmodSync(file, group === 0 ? 0o400 : 0o440);
    }
  }

  /** An empty list for what the pod fills itself. */
  #contents(volume: Volume | undefined, hostFiles: Files): [string, string][] {
    if (volume?.hostPath?.type === 'Directory') return Object.entries(hostFiles);
    const { configMap, secret, projected } = volume ?? {};
    const ofSecrets = (projected?.sources ?? []).map((source) => source.secret);
    if (secret !== undefined) ofSecrets.push({ name: secret.secretName, items: secret.items });
    const lists = ofSecrets.map(({ name, items }) => ({
      items,
      data: this.#input.secrets.get(name) ?? {},
    }));
    if (configMap !== undefined) {
      const map = this.#input.objects.find(({ kind, metadata }) => {
        return kind === 'ConfigMap' && metadata.name === configMap.name;
      });
      lists.push({ items: configMap.items, data: map?.data ?? {} });
    }
    return lists.flatMap(({ items, data }) =>
      items.map(({ key, path }): [string, string] => {
        const text = data[key];
        if (text === undefined) throw new Error(`volume ${volume?.name}: there is no ${key}`);
        return [path, text];
      }),
    );
  }

  async #podman(argv: readonly string[], launcher: readonly string[] = []): Promise<void> {
    const [program = '', ...args] = [...launcher, 'podman', ...this.#own, ...argv];
    await runChecked(program, args, { timeoutMs: BUILD_MS_MAX });
  }

  async #try(argv: readonly string[]): Promise<CommandResult> {
    return await runCommand('podman', [...this.#own, ...argv], { timeoutMs: BUILD_MS_MAX });
  }
}
