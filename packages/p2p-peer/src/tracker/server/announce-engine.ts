/**
 * The engine of bittorrent-tracker reads announces (BEP 3, 7, 23) and writes their answers; whether one is
 * allowed, and what it is told, is decided here. It opens no port: our own servers pass requests on, after
 * their maxima. Scrapes (BEP 48) are answered without it, which writes names of swarms as text.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse as parseQuery } from 'node:querystring';
import { ShoalError } from '@shoal/errors';
import Engine, {
  type EngineAnswer,
  type EngineParams,
  type EngineSwarm,
} from 'bittorrent-tracker/server';
import { parsePeerId } from '../../identity/peer-id.ts';
import { type BencodeValue, encodeBencode } from '../../torrent/bencode.ts';
import { TrackerRequestError } from '../errors.ts';
import { encodeFoundPeers, OUR_PEERS_FORM } from '../found-peers.ts';
import { ANNOUNCE_TOLD_MS, ANNOUNCE_TOLD_MS_MIN, SCRAPE_SWARMS_MAX } from '../limits.ts';
import type { AnnounceGate } from './announce-gate.ts';
import type { Asker } from './asker.ts';
import type { KnownBlob } from './known-blobs.ts';
import type { TrackedHost } from './swarm-peer.ts';
import type { Announce, TrackedSwarms } from './tracked-swarms.ts';

const EVENTS = ['started', 'stopped', 'completed', 'update', 'paused'] as const;
const MIN_INTERVAL_S = ANNOUNCE_TOLD_MS_MIN / 1000;

export type AnnounceEngineOptions = {
  readonly table: TrackedSwarms;
  readonly gate: AnnounceGate;
  readonly nowMs: () => number;
  /** Hears of what is our fault. */
  readonly onProblem: (error: unknown) => void;
};

export class AnnounceEngine {
  readonly #engine: Engine;
  readonly #table: TrackedSwarms;
  readonly #gate: AnnounceGate;
  readonly #nowMs: () => number;
  readonly #onProblem: (error: unknown) => void;
  /** Of requests that are being answered. */
  readonly #askers = new WeakMap<IncomingMessage, Asker>();
  readonly #admitted = new WeakMap<IncomingMessage, KnownBlob>();

  constructor({ table, gate, nowMs, onProblem }: AnnounceEngineOptions) {
    this.#table = table;
    this.#gate = gate;
    this.#nowMs = nowMs;
    this.#onProblem = onProblem;
    this.#engine = new Engine({
      http: false,
      udp: false,
      ws: false,
      stats: false,
      interval: ANNOUNCE_TOLD_MS,
      filter: (id, params, callback) => callback(this.#admit(id, params)),
    });
    this.#engine.getSwarm = (id, callback) => callback(null, this.#swarmOf(id));
  }

  /** Answers `/announce` and `/scrape`. Throws `ERR_P2P_TRACKER_REQUEST` for a scrape of too much. */
  answer(request: IncomingMessage, response: ServerResponse, asker: Asker): void {
    const isScrape = request.url?.startsWith('/scrape') === true;
    const scraped = isScrape ? this.#scrape(request.url ?? '', asker) : undefined;
    response.setHeader('content-type', 'text/plain');
    if (scraped !== undefined) {
      response.end(scraped);
      return;
    }
    this.#askers.set(request, asker);
    this.#engine.onHttpRequest(request, response);
  }

  close(): void {
    this.#engine.close();
  }

  #admit(id: string, params: EngineParams): Error | null {
    return this.#refusalOf(() => {
      const asker = this.#askers.get(params.httpReq) ?? { kind: 'anybody' };
      this.#admitted.set(params.httpReq, this.#gate.admit(asker, id, params));
    });
  }

  #scrape(url: string, asker: Asker): Buffer {
    const { info_hash: hashes, token } = queryOf(url);
    const ids = [hashes ?? []].flat().map((hash) => Buffer.from(hash, 'latin1').toString('hex'));
    if (ids.length === 0 || ids.length > SCRAPE_SWARMS_MAX) {
      throw new TrackerRequestError(400, `name 1 to ${SCRAPE_SWARMS_MAX} swarms`);
    }
    for (const id of ids) this.#gate.admit(asker, id, { token });
    const files = new Map(
      ids.map((id) => [Buffer.from(id, 'hex').toString('latin1'), this.#countsOf(id)]),
    );
    const flags = new Map([['min_request_interval', Math.ceil(ANNOUNCE_TOLD_MS / 1000)]]);
    return encodeBencode(
      new Map<string, BencodeValue>([
        ['files', files],
        ['flags', flags],
      ]),
    );
  }

  /** How many have fetched it is not kept: those that have it now are the fewest. */
  #countsOf(id: string): ReadonlyMap<string, number> {
    const { size = 0, complete = 0 } = this.#table.get(id) ?? {};
    return new Map(Object.entries({ complete, incomplete: size - complete, downloaded: complete }));
  }

  /** It need not be there: it will be when somebody is in it. */
  #swarmOf(id: string): EngineSwarm {
    return {
      announce: (params, callback) => {
        let answer: EngineAnswer | undefined;
        const refusal = this.#refusalOf(() => {
          answer = this.#announce(id, params);
        });
        callback(refusal, answer);
      },
    };
  }

  /** Throws `ERR_P2P_TRACKER_REQUEST`. */
  #announce(id: string, params: EngineParams): EngineAnswer {
    const blob = this.#admitted.get(params.httpReq);
    if (blob === undefined) throw new TrackerRequestError(403, 'not allowed');
    const announce = this.#readAnnounce(params);
    const swarm = this.#table.get(id) ?? this.#table.create(id, blob);
    const { complete, incomplete, peers } = this.#table.announce(swarm, announce, this.#nowMs());
    return {
      complete,
      incomplete,
      'min interval': MIN_INTERVAL_S,
      peers: params.compact === OUR_PEERS_FORM ? encodeFoundPeers(peers) : peers,
    };
  }

  #readAnnounce(params: EngineParams): Announce {
    const event = EVENTS.find((known) => known === params.event);
    if (event === undefined) throw new TrackerRequestError(400, 'invalid event');
    return {
      event,
      host: this.#hostOf(params),
      peerId: parsePeerId(params.peer_id),
      ip: params.ip,
      port: params.port,
      isComplete: params.left === 0,
      numwant: params.numwant,
    };
  }

  /** One that stops does not live because it says so: its last report may have come before. */
  #hostOf(params: EngineParams): TrackedHost | undefined {
    const asker = this.#askers.get(params.httpReq);
    if (asker?.kind !== 'host') return undefined;
    if (params.event === 'stopped') return this.#table.hosts.get(asker.host);
    return this.#gate.seeHost(asker, params, this.#nowMs());
  }

  /** As an answer may say it: nothing of our insides. */
  #refusalOf(work: () => void): Error | null {
    try {
      work();
      return null;
    } catch (error) {
      if (error instanceof ShoalError) return error;
      this.#onProblem(error);
      return new Error('internal error');
    }
  }
}

/** As the engine itself reads an announce: one way of writing names for both. */
function queryOf(url: string) {
  const [, query = ''] = url.split('?', 2);
  return parseQuery(query, undefined, undefined, { decodeURIComponent: unescape });
}
