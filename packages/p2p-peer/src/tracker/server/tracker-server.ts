/**
 * A tracker: introduces hosts to each other, gives them tokens, and shows people what they do. It is
 * in nobody's way: no read waits for it, and nothing of it is on disk, so two or more of them run side by
 * side and are started anew at any time.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { ShoalError } from '@shoal/errors';
import type { HostPort } from '@shoal/oci/host-port';
import type { IdentityFiles } from '../../trust/identity-files.ts';
import { TrackerRequestError } from '../errors.ts';
import {
  ADDRESS_REQUESTS_BURST,
  ADDRESS_REQUESTS_PER_SECOND,
  HOST_REQUESTS_BURST,
  HOST_REQUESTS_PER_SECOND,
  PLAIN_CONNECTIONS_MAX,
  TRACKER_CONNECTIONS_MAX,
} from '../limits.ts';
import { AnnounceEngine } from './announce-engine.ts';
import { AnnounceGate } from './announce-gate.ts';
import { Askers, type PortKind } from './asker.ts';
import { checkRules, type HostGrant, HostPolicy } from './host-policy.ts';
import { type Refusal, sendError } from './http-answer.ts';
import { HttpListener } from './http-listener.ts';
import { PlainToken } from './plain-token.ts';
import { PreheatTable } from './preheat-table.ts';
import { ReportIntake } from './report-intake.ts';
import { type RequestRate, RequestRates } from './request-rates.ts';
import { TrackedSwarms } from './tracked-swarms.ts';
import { TrackerCounts } from './tracker-counts.ts';
import { TrackerRoutes } from './tracker-routes.ts';

export type TrackerServerOptions = {
  /** For our hosts, by certificate. */
  readonly listen: HostPort;
  readonly identity: IdentityFiles;
  /** For standard clients: torrents of public repositories only. */
  readonly plainListen?: HostPort | undefined;
  /** For people: the page, metrics, preheats. Without TLS and certificates: an address that only they reach. */
  readonly pageListen?: HostPort | undefined;
  /** Names that people call the page's address by, besides `localhost` and addresses. */
  readonly pageNames?: readonly string[];
  readonly grants: readonly HostGrant[];
  /** Rules of repositories that anybody may read. */
  readonly publicRepositories?: readonly string[];
  readonly tokenKey?: KeyObject | undefined;
  readonly tokenPublicKeys?: readonly KeyObject[];
  readonly tokenLifeMs?: number | undefined;
  /** A secret that standard clients have to show. @default they need none */
  readonly plainToken?: string | undefined;
  /** A secret. Without it nobody can order preheats. */
  readonly adminToken?: string | undefined;
  readonly hostRate?: RequestRate;
  /** Hears of what is our fault. */
  readonly onProblem?: (error: unknown) => void;
  readonly nowMs?: () => number;
  readonly random?: () => number;
};

const HOST_RATE = { burst: HOST_REQUESTS_BURST, perSecond: HOST_REQUESTS_PER_SECOND };
const ADDRESS_RATE = { burst: ADDRESS_REQUESTS_BURST, perSecond: ADDRESS_REQUESTS_PER_SECOND };

export class TrackerServer implements AsyncDisposable {
  readonly #options: TrackerServerOptions;
  readonly #nowMs: () => number;
  readonly #table: TrackedSwarms;
  readonly #counts = new TrackerCounts();
  readonly #askers: Askers;
  readonly #engine: AnnounceEngine;
  readonly #routes: TrackerRoutes;
  readonly #hostRates: RequestRates;
  readonly #addressRates = new RequestRates(ADDRESS_RATE);
  readonly #listeners = new Map<PortKind, HttpListener>();
  #closing: Promise<void> | undefined;

  /** Throws `ERR_P2P_TRACKER_OPTIONS`. */
  static async listen(options: TrackerServerOptions): Promise<TrackerServer> {
    const tracker = new TrackerServer(options);
    try {
      await tracker.#open();
    } catch (error) {
      await tracker.close();
      throw error;
    }
    return tracker;
  }

  private constructor(options: TrackerServerOptions) {
    const { random = Math.random, nowMs = Date.now, grants, publicRepositories = [] } = options;
    checkRules(publicRepositories);
    this.#options = options;
    this.#nowMs = nowMs;
    this.#table = new TrackedSwarms({ publicRules: publicRepositories, random });
    this.#askers = new Askers(options.adminToken, nowMs);
    this.#hostRates = new RequestRates(options.hostRate ?? HOST_RATE);
    const table = this.#table;
    const policy = new HostPolicy(grants);
    const preheats = new PreheatTable();
    const gate = new AnnounceGate({ table, policy, tokenPublicKeys: keysOf(options), nowMs });
    const onProblem = (error: unknown) => this.#failed(error);
    this.#engine = new AnnounceEngine({ table, gate, nowMs, onProblem });
    this.#routes = new TrackerRoutes({
      table,
      preheats,
      policy,
      nowMs,
      engine: this.#engine,
      intake: new ReportIntake({ table, gate, preheats }),
      counts: this.#counts,
      plainToken: new PlainToken(options.plainToken),
      tokenKey: options.tokenKey,
      tokenLifeMs: options.tokenLifeMs,
    });
  }

  async #open(): Promise<void> {
    const { listen, plainListen, pageListen, identity } = this.#options;
    const ports = [
      { kind: 'tls', address: listen, connectionsMax: TRACKER_CONNECTIONS_MAX, identity },
      { kind: 'plain', address: plainListen, connectionsMax: PLAIN_CONNECTIONS_MAX },
      { kind: 'page', address: pageListen, connectionsMax: PLAIN_CONNECTIONS_MAX },
    ] as const;
    for (const { kind, address, ...rest } of ports) {
      if (address === undefined) continue;
      const onRequest = (request: IncomingMessage, response: ServerResponse) =>
        void this.#answer(kind, request, response);
      const onProblem = (error: unknown) => this.#failed(error);
      const listener = await HttpListener.listen({ address, ...rest, onRequest, onProblem });
      this.#listeners.set(kind, listener);
    }
  }

  /** Where it listens: with the port that the system chose for 0. */
  address(port: PortKind): HostPort | undefined {
    return this.#listeners.get(port)?.address;
  }

  /** Never rejects. */
  async #answer(port: PortKind, request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    try {
      const nowMs = this.#nowMs();
      this.#table.sweep(nowMs);
      if (port === 'page') this.#checkName(request.headers.host);
      const asker = this.#askers.of(request);
      const isInTurn =
        asker.kind === 'host'
          ? this.#hostRates.take(asker.host, nowMs)
          : this.#addressRates.take(request.socket.remoteAddress ?? '', nowMs);
      if (!isInTurn) throw new TrackerRequestError(429, 'too many requests');
      const { method = '', url = '' } = request;
      const [path = '', query = ''] = url.split('?', 2);
      await this.#routes.answer({
        request,
        response,
        port,
        asker,
        route: `${method} ${path}`,
        query,
      });
    } catch (error) {
      this.#answerError(request, response, error);
    }
  }

  #answerError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (request.socket.destroyed || response.headersSent) return void response.end();
    // The rest of a body that was not read would be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close');
    sendError(request, response, this.#refusalOf(error));
  }

  /** What may be told of it. */
  #refusalOf(error: unknown): Refusal {
    if (!(error instanceof ShoalError)) {
      this.#failed(error);
      return { status: 500, detail: 'internal error' };
    }
    const status = error instanceof TrackerRequestError ? error.status : 400;
    this.#counts.add(status === 429 ? 'limited' : 'refused');
    return { status, detail: error.message };
  }

  /** A page of strangers may make a browser call us by a name of theirs, and would read our answers. */
  #checkName(host = ''): void {
    const name = host.replace(/:[0-9]*$/, '').replace(/^\[|\]$/g, '');
    const { pageNames = [] } = this.#options;
    if (isIP(name) !== 0 || name === 'localhost' || pageNames.includes(name)) return;
    throw new TrackerRequestError(
      421,
      'the page is not called by this name: use an address, or start the tracker with --page-name',
    );
  }

  #failed(error: unknown): void {
    this.#counts.add('failed');
    this.#options.onProblem?.(error);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close()));
    this.#engine.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What this tracker signs it accepts, too. */
function keysOf({ tokenKey, tokenPublicKeys = [] }: TrackerServerOptions): readonly KeyObject[] {
  return tokenKey === undefined ? tokenPublicKeys : [createPublicKey(tokenKey), ...tokenPublicKeys];
}
