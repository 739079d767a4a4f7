/** A tracker that introduces whom a test says, and remembers who asked (BEP 3, 23). */
import { createServer } from 'node:http';
import { serveOnLoopback } from '@shoal/test-kit';
import { encodeBencode } from '../../src/torrent/bencode.ts';

type Tap = Parameters<typeof serveOnLoopback>[0];

export class TinyTracker {
  /** Ports at 127.0.0.1 that every answer has. */
  readonly ports: number[] = [];
  /** Ports that announced themselves. */
  readonly announced = new Set<number>();
  #url = '';

  static async open(t: Tap): Promise<TinyTracker> {
    const tracker = new TinyTracker();
    const server = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '/', 'http://tracker');
      tracker.announced.add(Number(searchParams.get('port')));
      response.end(tracker.#answer());
    });
    tracker.#url = `http://${await serveOnLoopback(t, server)}/announce`;
    return tracker;
  }

  get url(): string {
    return this.#url;
  }

  #answer(): Buffer {
    const peers = Buffer.alloc(this.ports.length * 6);
    for (const [index, port] of this.ports.entries()) {
      peers.set([127, 0, 0, 1], index * 6);
      peers.writeUInt16BE(port, index * 6 + 4);
    }
    return encodeBencode(
      new Map<string, number | Buffer>([
        ['interval', 60],
        ['peers', peers],
      ]),
    );
  }
}
