/**
 * A pod as kubelet starts it, through the runtime service of CRI: network of the host, so that no CNI
 * is needed. Only the fields that are used; numbers as in runtime.v1 api.proto.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { Client, credentials } from '@grpc/grpc-js';
import { containerName } from './containers.ts';

/** A message by field number: text, numbers, messages, and lists of them. */
type Fields = { readonly [field: number]: Value | readonly Value[] };
type Value = string | number | Fields;

/** NamespaceMode NODE, for the network. */
const HOST_NETWORK = { 1: 2 };

export class CriPod {
  readonly #client: Client;
  readonly #config: Fields;
  readonly #logs: string;
  #sandbox = '';

  /** `address` is containerd's socket; container logs are written to `logs`. */
  constructor(address: string, logs: string) {
    this.#client = new Client(`unix://${address}`, credentials.createInsecure());
    this.#logs = logs;
    const name = containerName();
    const metadata = { 1: name, 2: name, 3: 'default' };
    this.#config = { 1: metadata, 3: logs, 8: { 2: { 1: HOST_NETWORK } } };
  }

  async start(): Promise<void> {
    this.#sandbox = textOf(await this.#call('RunPodSandbox', { 1: this.#config }), 1);
  }

  /** Starts a container of the image; the answer is its id. */
  async run(image: string, name: string, command: readonly string[] = []): Promise<string> {
    const container = {
      ...{ 1: { 1: name }, 2: { 1: image }, 3: command, 11: `${name}.log` },
      15: { 2: { 3: HOST_NETWORK } },
    };
    const request = { 1: this.#sandbox, 2: container, 3: this.#config };
    const id = textOf(await this.#call('CreateContainer', request), 1);
    await this.#call('StartContainer', { 1: id });
    return id;
  }

  /** Whether it has ended, by ContainerStatus. */
  async hasEnded(id: string): Promise<boolean> {
    const answer = await this.#call('ContainerStatus', { 1: id });
    const status = fieldOf(answer, 1);
    return status !== undefined && numberOf(status, 3) === 2;
  }

  /** What a container has written to its standard output. */
  output(name: string): string {
    const lines = readFileSync(join(this.#logs, `${name}.log`), 'utf8').split('\n');
    return lines.map((line) => (/ stdout [FP] (.*)$/.exec(line)?.[1] ?? '').concat('\n')).join('');
  }

  async close(): Promise<void> {
    if (this.#sandbox !== '') {
      await this.#call('StopPodSandbox', { 1: this.#sandbox });
      await this.#call('RemovePodSandbox', { 1: this.#sandbox });
      this.#sandbox = '';
    }
    this.#client.close();
  }

  #call(method: string, request: Fields): Promise<Uint8Array> {
    const raw = (bytes: Buffer) => bytes;
    return new Promise((resolve, reject) => {
      const path = `/runtime.v1.RuntimeService/${method}`;
      const bytes = Buffer.from(encode(request, new BinaryWriter()).finish());
      this.#client.makeUnaryRequest(path, raw, raw, bytes, (error, answer) => {
        if (error === null) resolve(answer ?? new Uint8Array());
        else reject(error);
      });
    });
  }
}

function encode(fields: Fields, writer: BinaryWriter): BinaryWriter {
  for (const [key, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      const number = Number(key);
      if (typeof one === 'number') writer.uint32(number << 3).int32(one);
      else if (typeof one === 'string') writer.uint32((number << 3) | 2).string(one);
      else encode(one, writer.uint32((number << 3) | 2).fork()).join();
    }
  }
  return writer;
}

/** The bytes of a field with a length; undefined when it is not there. */
function fieldOf(message: Uint8Array, wanted: number): Uint8Array | undefined {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === wanted && type === 2) return reader.bytes();
    reader.skip(type);
  }
  return undefined;
}

function textOf(message: Uint8Array, wanted: number): string {
  return Buffer.from(fieldOf(message, wanted) ?? []).toString('utf8');
}

function numberOf(message: Uint8Array, wanted: number): number {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === wanted && type === 0) return reader.int32();
    reader.skip(type);
  }
  return 0;
}
