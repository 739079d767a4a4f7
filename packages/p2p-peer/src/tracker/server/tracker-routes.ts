/** Which request gets what, and who may ask for it. */
import type { KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TOKEN_LIFE_MS } from '../../trust/limits.ts';
import { signToken } from '../../trust/token.ts';
import { TrackerRequestError } from '../errors.ts';
import { hostReportSchema, shownName } from '../host-report.ts';
import { PREHEAT_BYTES_MAX, REPORT_BYTES_MAX, VIEW_KEPT_MS } from '../limits.ts';
import type { AnnounceEngine } from './announce-engine.ts';
import type { HostAsker } from './announce-gate.ts';
import type { Asker, PortKind } from './asker.ts';
import type { HostPolicy } from './host-policy.ts';
import type { HostsPage } from './host-table.ts';
import { readBody, sendJson, sendTagged, sendText } from './http-answer.ts';
import { sendPageFile } from './page-files.ts';
import type { PlainToken } from './plain-token.ts';
import { type PreheatTable, preheatRequestSchema } from './preheat-table.ts';
import { preheatView, renderSwarm } from './render-swarm.ts';
import type { ReportIntake } from './report-intake.ts';
import type { TrackedSwarms } from './tracked-swarms.ts';
import type { TrackerCounts } from './tracker-counts.ts';

export type Call = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly port: PortKind;
  readonly asker: Asker;
  /** `GET /path`. */
  readonly route: string;
  /** What follows the question mark. */
  readonly query: string;
};

export type TrackerRoutesOptions = {
  readonly table: TrackedSwarms;
  readonly preheats: PreheatTable;
  readonly engine: AnnounceEngine;
  readonly intake: ReportIntake;
  readonly policy: HostPolicy;
  readonly counts: TrackerCounts;
  readonly plainToken: PlainToken;
  /** Undefined where another tracker signs. */
  readonly tokenKey: KeyObject | undefined;
  readonly tokenLifeMs?: number | undefined;
  readonly nowMs: () => number;
};

/** To write the page's data takes a tenth of the time at most. */
const VIEW_REST = 10;
const PREHEAT = /^(GET|DELETE) \/v1\/preheats\/([A-Za-z0-9][A-Za-z0-9._-]{0,63})$/;

export class TrackerRoutes {
  readonly #options: TrackerRoutesOptions;
  readonly #startedAtMs: number;
  #view: { readonly body: string; readonly untilMs: number } | undefined;

  constructor(options: TrackerRoutesOptions) {
    this.#options = options;
    this.#startedAtMs = options.nowMs();
  }

  /** Throws `ERR_P2P_TRACKER_REQUEST`. */
  async answer(call: Call): Promise<void> {
    const { request, response, route, port } = call;
    if (route === 'GET /healthz') return sendText(response, 200, 'ok\n');
    if (route === 'GET /announce' || route === 'GET /scrape') return this.#announce(call);
    if (port === 'plain') throw notFound();
    switch (route) {
      case 'GET /v1/hosts':
        ofCluster(call);
        return sendTagged(request, response, this.#hosts(call.query));
      case 'POST /v1/token':
        return sendJson(response, 200, this.#token(hostOf(call)));
      case 'POST /v1/report':
        return sendJson(response, 200, await this.#report(call));
      case 'GET /v1/swarm':
        viewer(call);
        return sendJson(response, 200, this.#swarm());
      case 'GET /metrics':
        viewer(call);
        return sendText(response, 200, this.#options.counts.text(this.#options.table), {
          'content-type': 'text/plain; version=0.0.4; charset=utf-8',
        });
      default:
        return await this.#preheatOrPage(call);
    }
  }

  async #preheatOrPage(call: Call): Promise<void> {
    const { request, response, route } = call;
    const { preheats, nowMs } = this.#options;
    if (route === 'GET /v1/preheats') {
      viewer(call);
      const views = preheats.list().map(preheatView);
      return sendJson(response, 200, JSON.stringify({ preheats: views }));
    }
    if (route === 'POST /v1/preheats') {
      admin(call);
      const wanted = await readBody(request, PREHEAT_BYTES_MAX, preheatRequestSchema);
      const live = [...this.#options.table.hosts.values()].map(({ facts }) => facts.host);
      const preheat = preheats.create(wanted, live, nowMs());
      return sendJson(response, 201, JSON.stringify(preheatView(preheat)));
    }
    const [, method, id] = PREHEAT.exec(route) ?? [];
    if (id !== undefined) return this.#onePreheat(call, method === 'DELETE', id);
    if (!route.startsWith('GET ') || !sendPageFile(response, route.slice(4))) throw notFound();
  }

  #onePreheat(call: Call, isCancel: boolean, id: string): void {
    const { preheats } = this.#options;
    if (isCancel) admin(call);
    else viewer(call);
    const preheat = preheats.get(id);
    if (preheat === undefined) throw notFound();
    if (isCancel) preheats.cancel(id);
    sendJson(call.response, 200, JSON.stringify(preheatView(preheat)));
  }

  #announce({ request, response, route, port, asker, query }: Call): void {
    const { engine, counts, plainToken } = this.#options;
    // On the plain port nobody is known; on the others only our hosts announce.
    if (port !== 'plain' && asker.kind !== 'host') throw forbidden();
    if (port === 'plain') plainToken.check(query);
    counts.add(route === 'GET /announce' ? 'announces' : 'scrapes');
    engine.answer(request, response, port === 'plain' ? { kind: 'anybody' } : asker);
  }

  #hosts(query: string): HostsPage {
    const zone = new URLSearchParams(query).get('zone') ?? undefined;
    if (zone !== undefined && !shownName.safeParse(zone).success) {
      throw new TrackerRequestError(400, 'a zone is malformed');
    }
    return this.#options.table.hosts.page(zone);
  }

  #token({ host }: HostAsker): string {
    const { tokenKey, policy, tokenLifeMs = TOKEN_LIFE_MS, nowMs, counts } = this.#options;
    if (tokenKey === undefined) throw new TrackerRequestError(404, 'this tracker signs no tokens');
    const repositories = policy.repositoriesOf(host);
    if (repositories.length === 0) throw forbidden();
    const request = { host, repositories, nowMs: nowMs(), lifeMs: tokenLifeMs };
    const { token, expiresAtMs } = signToken(request, tokenKey);
    counts.add('tokens');
    return JSON.stringify({ token, expiresAtMs });
  }

  async #report(call: Call): Promise<string> {
    const asker = hostOf(call);
    const { intake, counts, nowMs } = this.#options;
    const report = await readBody(call.request, REPORT_BYTES_MAX, hostReportSchema);
    const answer = intake.take(asker, report, nowMs());
    counts.add('reports');
    return JSON.stringify(answer);
  }

  #swarm(): string {
    const { table, preheats } = this.#options;
    const nowMs = this.#options.nowMs();
    const beganMs = performance.now();
    if (this.#view !== undefined && beganMs < this.#view.untilMs) return this.#view.body;
    const view = renderSwarm(table, preheats, { nowMs, startedAtMs: this.#startedAtMs });
    const body = JSON.stringify(view);
    const endedMs = performance.now();
    const keptMs = Math.max(VIEW_KEPT_MS, VIEW_REST * (endedMs - beganMs));
    this.#view = { body, untilMs: endedMs + keptMs };
    return body;
  }
}

function hostOf({ asker }: Call): HostAsker {
  if (asker.kind !== 'host') throw forbidden();
  return asker;
}

function ofCluster({ asker }: Call): void {
  if (asker.kind === 'anybody') throw forbidden();
}

/** Names of images and hosts are for the port of the page, which is for people, or with the token. */
function viewer({ port, asker }: Call): void {
  if (port !== 'page' && asker.kind !== 'admin') throw forbidden();
}

function admin({ asker }: Call): void {
  if (asker.kind !== 'admin') throw forbidden();
}

function forbidden(): TrackerRequestError {
  return new TrackerRequestError(403, 'not allowed');
}

function notFound(): TrackerRequestError {
  return new TrackerRequestError(404, 'there is no such thing');
}
