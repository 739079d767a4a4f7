/** A DNS server on loopback that knows what a test tells it: A, AAAA and SRV records over UDP (RFC 1035, 2782). */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import type { TestScope } from './test-scope.ts';

export type SrvRecord = { readonly target: string; readonly port: number };

type Question = { readonly name: string; readonly type: number; readonly end: number };

const TYPE_A = 1;
const TYPE_AAAA = 28;
const TYPE_SRV = 33;
const CLASS_IN = 1;
const HEADER_BYTES = 12;
/** An answer to a recursive question, of a server that has the last word. */
const FLAGS = 0x8580;
const SERVER_FAILURE = 2;
const NAME_UNKNOWN = 3;
/** The name of the question, where it stands. */
const NAME_OF_QUESTION = Buffer.from([0xc0, HEADER_BYTES]);

export class DnsServer {
  readonly #socket: Socket;
  /** IPv4 and IPv6 addresses by name. */
  readonly addresses = new Map<string, readonly string[]>();
  readonly services = new Map<string, readonly SrvRecord[]>();
  /** Names of the questions that came. */
  readonly asked: string[] = [];
  /** Questions for these stay without an answer. */
  readonly silent = new Set<string>();
  /** Answers that it has failed. */
  isDown = false;

  static async listen(t: TestScope): Promise<DnsServer> {
    const socket = createSocket('udp4');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', resolve);
    await promise;
    t.teardown(() => void socket.close());
    return new DnsServer(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes, { port, address }) => {
      const answer = this.#answer(bytes);
      if (answer !== undefined) socket.send(answer, port, address);
    });
  }

  /** `127.0.0.1:PORT`. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  #answer(bytes: Buffer): Buffer | undefined {
    const question = decodeQuestion(bytes);
    this.asked.push(question.name);
    if (this.silent.has(question.name)) return undefined;
    if (this.isDown) return encodeAnswer(bytes, question, [], SERVER_FAILURE);
    const isKnown = this.addresses.has(question.name) || this.services.has(question.name);
    const records = isKnown ? this.#records(question) : [];
    return encodeAnswer(bytes, question, records, isKnown ? 0 : NAME_UNKNOWN);
  }

  #records({ name, type }: Question): Buffer[] {
    const addresses = this.addresses.get(name) ?? [];
    if (type === TYPE_A) return addresses.filter(isIPv4).map(encodeIpv4);
    if (type === TYPE_AAAA) return addresses.filter((text) => !isIPv4(text)).map(encodeIpv6);
    return type === TYPE_SRV ? (this.services.get(name) ?? []).map(encodeService) : [];
  }
}

function decodeQuestion(bytes: Buffer): Question {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = bytes.readUInt8(at); length > 0; length = bytes.readUInt8(at)) {
    labels.push(bytes.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join('.'), type: bytes.readUInt16BE(at + 1), end: at + 5 };
}

function encodeAnswer(
  asked: Buffer,
  { type, end }: Question,
  records: readonly Buffer[],
  failure: number,
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  asked.copy(header, 0, 0, 2);
  header.writeUInt16BE(FLAGS | failure, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  const answers = records.map((data) => Buffer.concat([encodeRecordHead(type, data.length), data]));
  return Buffer.concat([header, asked.subarray(HEADER_BYTES, end), ...answers]);
}

/** Without a time to live: nobody keeps it. */
function encodeRecordHead(type: number, length: number): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(CLASS_IN, 2);
  head.writeUInt16BE(length, 8);
  return Buffer.concat([NAME_OF_QUESTION, head]);
}

function encodeIpv4(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number));
}

/** All eight groups, or `::` once. */
function encodeIpv6(text: string): Buffer {
  const [before = [], after = []] = text
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const groups = [...before, ...zeros, ...after];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function encodeService({ target, port }: SrvRecord): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(port, 4);
  const labels = target.split('.').map((label) => {
    return Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]);
  });
  return Buffer.concat([head, ...labels, Buffer.from([0])]);
}
