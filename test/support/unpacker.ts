/**
 * Plays containerd at the snapshotter's socket, call for call: the unpacker of its client, and the
 * metadata store between the two, which renames every key and finds the layer behind an
 * AlreadyExists by listing. Names here are the client's; the socket sees `namespace/sequence/name`.
 */
import { createHash } from 'node:crypto';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { runChecked } from '@shoal/test-kit';
import {
  type Info,
  Kind,
  type ListSnapshotsResponse,
  SnapshotsClient,
} from '../../packages/snapshotter/src/grpc/gen/snapshots.ts';
import type { Mount } from '../../packages/snapshotter/src/grpc/gen/types/mount.ts';

export type UnpackLayer = {
  readonly digest: string;
  readonly diffId: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Fetches and applies the layer to what is mounted; not called for a layer that is skipped. */
  readonly apply: (mounts: readonly Mount[]) => Promise<void>;
};

export type UnpackImage = {
  readonly imageRef: string;
  readonly manifestDigest: string;
  readonly layers: readonly UnpackLayer[];
  /** As of a client that sets annotations. @default true */
  readonly hasLabels?: boolean;
};

export type UnpackResult = {
  /** Chain id of the whole image. */
  readonly chainId: string;
  /** By layer: was it fetched? */
  readonly fetched: readonly boolean[];
};

const SNAPSHOTTER = 'shoal';
const LABEL_BYTES_MAX = 4096;

export class Unpacker {
  readonly #client: SnapshotsClient;
  readonly #namespace: string;
  /** The metadata store: client's name to the backend's. */
  readonly #names = new Map<string, string>();
  #sequence = 0;

  constructor(socket: string, namespace = 'default') {
    this.#client = new SnapshotsClient(`unix://${socket}`, credentials.createInsecure());
    this.#namespace = namespace;
  }

  close(): void {
    this.#client.close();
  }

  /** Unpacks an image as containerd's client does, layer after layer. */
  async pull(image: UnpackImage): Promise<UnpackResult> {
    let parent = '';
    const fetched: boolean[] = [];
    for (const [index, layer] of image.layers.entries()) {
      const chainId = chainIdOf(parent, layer.diffId);
      fetched.push(await this.#unpack(image, index, parent, chainId));
      parent = chainId;
    }
    return { chainId: parent, fetched };
  }

  async #unpack(
    image: UnpackImage,
    index: number,
    parent: string,
    chainId: string,
  ): Promise<boolean> {
    const layer = image.layers[index];
    if (layer === undefined) throw new Error('no such layer');
    if (this.#names.has(chainId)) return false;
    const labels = labelsOf(image, index, chainId);
    const key = `extract-${process.hrtime.bigint()}-abcd ${chainId}`;
    const mounts = await this.#prepareLayer(key, parent, labels);
    if (mounts === undefined) return false;
    await layer.apply(mounts);
    const name = this.#backendName(chainId);
    await this.#call((done) =>
      this.#client.commit(
        { snapshotter: SNAPSHOTTER, name, key: this.#known(key), labels, parent: '' },
        done,
      ),
    );
    this.#names.set(chainId, name);
    return true;
  }

  /** Undefined: the layer is there and need not be fetched. */
  async #prepareLayer(
    key: string,
    parent: string,
    labels: Map<string, string>,
  ): Promise<readonly Mount[] | undefined> {
    try {
      return await this.prepare(key, parent, labels);
    } catch (error) {
      if (!isStatus(error, status.ALREADY_EXISTS)) throw error;
    }
    const target = labels.get('containerd.io/snapshot.ref') ?? '';
    const parentName = parent === '' ? '' : this.#known(parent);
    const filter = `labels."containerd.io/snapshot.ref"==${target},parent=="${parentName}"`;
    const found = (await this.list([filter])).find(
      ({ kind, labels: has, parent: of }) =>
        kind === Kind.COMMITTED &&
        has.get('containerd.io/snapshot.ref') === target &&
        of === parentName,
    );
    if (found === undefined) throw new Error(`AlreadyExists, and no snapshot for ${target}`);
    this.#names.delete(key);
    this.#names.set(target, found.name);
    await this.stat(target);
    return undefined;
  }

  async prepare(key: string, parent: string, labels = new Map<string, string>()) {
    const { mounts } = await this.#create('prepare', key, parent, labels);
    return mounts;
  }

  async view(key: string, parent: string) {
    const { mounts } = await this.#create('view', key, parent, new Map());
    return mounts;
  }

  async #create(
    how: 'prepare' | 'view',
    key: string,
    parent: string,
    labels: Map<string, string>,
  ): Promise<{ mounts: Mount[] }> {
    const backendKey = this.#backendName(key);
    const request = {
      snapshotter: SNAPSHOTTER,
      key: backendKey,
      parent: parent === '' ? '' : this.#known(parent),
      labels,
    };
    const answer = await this.#call<{ mounts: Mount[] }>((done) =>
      this.#client[how](request, done),
    );
    this.#names.set(key, backendKey);
    return answer;
  }

  async mounts(key: string): Promise<readonly Mount[]> {
    const request = { snapshotter: SNAPSHOTTER, key: this.#known(key) };
    const answer = await this.#call<{ mounts: Mount[] }>((done) =>
      this.#client.mounts(request, done),
    );
    return answer.mounts;
  }

  async stat(key: string): Promise<Info | undefined> {
    const request = { snapshotter: SNAPSHOTTER, key: this.#known(key) };
    const answer = await this.#call<{ info?: Info | undefined }>((done) =>
      this.#client.stat(request, done),
    );
    return answer.info;
  }

  usage(key: string): Promise<{ size: number; inodes: number }> {
    const request = { snapshotter: SNAPSHOTTER, key: this.#known(key) };
    return this.#call((done) => this.#client.usage(request, done));
  }

  async remove(key: string): Promise<void> {
    const request = { snapshotter: SNAPSHOTTER, key: this.#known(key) };
    await this.#call((done) => this.#client.remove(request, done));
    this.#names.delete(key);
  }

  async list(filters: string[] = []): Promise<Info[]> {
    const infos: Info[] = [];
    const stream: AsyncIterable<ListSnapshotsResponse> = this.#client.list({
      snapshotter: SNAPSHOTTER,
      filters,
    });
    for await (const { info } of stream) infos.push(...info);
    return infos;
  }

  /** Chain ids and keys that the metadata store knows. */
  names(): readonly string[] {
    return [...this.#names.keys()];
  }

  #backendName(name: string): string {
    this.#sequence += 1;
    return `${this.#namespace}/${this.#sequence}/${name}`;
  }

  #known(name: string): string {
    const known = this.#names.get(name);
    if (known === undefined) throw new Error(`the metadata store knows no ${name}`);
    return known;
  }

  #call<Answer>(
    start: (done: (error: ServiceError | null, answer: Answer) => void) => unknown,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      start((error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  }
}

export function isStatus(error: unknown, code: status): error is ServiceError {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Spec: OCI image configuration, "Layer ChainID". */
export function chainIdOf(parent: string, diffId: string): string {
  if (parent === '') return diffId;
  return `sha256:${createHash('sha256').update(`${parent} ${diffId}`).digest('hex')}`;
}

function labelsOf(image: UnpackImage, index: number, chainId: string): Map<string, string> {
  const { imageRef, manifestDigest, layers, hasLabels } = image;
  const annotations = Object.entries(layers[index]?.annotations ?? {});
  const inherited = annotations.filter(([key]) => key.startsWith('containerd.io/snapshot/'));
  const labels = new Map([...inherited, ['containerd.io/snapshot.ref', chainId]]);
  if (hasLabels === false) return labels;
  const cri = 'containerd.io/snapshot/cri.';
  labels.set(`${cri}image-ref`, imageRef);
  labels.set(`${cri}manifest-digest`, manifestDigest);
  labels.set(`${cri}layer-digest`, layers[index]?.digest ?? '');
  let list = '';
  for (const { digest } of layers.slice(index)) {
    const longer = list === '' ? digest : `${list},${digest}`;
    if (longer.length + `${cri}image-layers`.length > LABEL_BYTES_MAX) break;
    list = longer;
  }
  labels.set(`${cri}image-layers`, list);
  return labels;
}

/**
 * Mounts as a runtime would, in a mount name space of its own, at a directory, and runs a shell
 * script there; what it prints.
 */
export async function runMounted(
  mounts: readonly Mount[],
  target: string,
  script: string,
): Promise<string> {
  const commands = mounts.map(
    ({ type, source, options }) =>
      `mount ${type === 'bind' ? '' : `-t ${type} `}-o ${quoted(options.join(','))} ${quoted(source)} ${quoted(target)}`,
  );
  const steps = ['set -e', ...commands, `cd ${quoted(target)}`, script].join('\n');
  const { stdout } = await runChecked('unshare', ['-m', 'sh', '-c', steps]);
  return stdout;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
