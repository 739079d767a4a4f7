/**
 * Images that hosts should make ready before they are wanted, and how far each host is. Which hosts
 * follows from the preheat's id, so that every tracker that is told chooses the same ones. Soft: a
 * tracker that was started anew hears of preheats from the hosts that are at it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { HostName } from '../../identity/host.ts';
import { TrackerRequestError } from '../errors.ts';
import {
  type PREHEAT_STATES,
  type PreheatOrder,
  type PreheatProgress,
  preheatId,
  shownName,
} from '../host-report.ts';
import { IMAGE_NAME_MAX, PREHEATS_MAX, TRACKER_HOSTS_MAX } from '../limits.ts';

export const preheatRequestSchema = z
  .strictObject({
    /** The same at every tracker. */
    id: preheatId.optional(),
    reference: z
      .string()
      .min(1)
      .max(IMAGE_NAME_MAX)
      .regex(/^[\x21-\x7e]+$/),
    platform: shownName.optional(),
    /** By name; or so many; or a part of all; none of the three: all. */
    hosts: z.array(z.string().max(253)).min(1).max(TRACKER_HOSTS_MAX).optional(),
    count: z.int().positive().max(TRACKER_HOSTS_MAX).optional(),
    percent: z.number().positive().max(100).optional(),
  })
  .refine(
    ({ hosts, count, percent }) =>
      [hosts, count, percent].filter((x) => x !== undefined).length < 2,
    { error: 'hosts, count and percent exclude each other' },
  );
export type PreheatRequest = z.infer<typeof preheatRequestSchema>;

export type PreheatState = (typeof PREHEAT_STATES)[number];

export type HostPreheat = {
  readonly host: string;
  readonly state: PreheatState;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly message?: string | undefined;
};

export type Preheat = {
  readonly id: string;
  readonly order: PreheatOrder;
  readonly createdAtMs: number;
  readonly hosts: Map<string, HostPreheat>;
  isCancelled: boolean;
  /** By somebody with the administrator's token; the others are what hosts say to be at. */
  readonly isOrdered: boolean;
};

export class PreheatTable {
  readonly #preheats = new Map<string, Preheat>();

  /** The newest first. */
  list(): readonly Preheat[] {
    return [...this.#preheats.values()].reverse();
  }

  get(id: string): Preheat | undefined {
    return this.#preheats.get(id);
  }

  /** Throws `ERR_P2P_TRACKER_REQUEST`. */
  create(request: PreheatRequest, live: readonly HostName[], nowMs: number): Preheat {
    const id = request.id ?? randomBytes(8).toString('hex');
    if (this.#preheats.get(id)?.isOrdered === true)
      throw new TrackerRequestError(409, `preheat ${id} is there already`);
    const { reference, platform } = request;
    const order = platform === undefined ? { id, reference } : { id, reference, platform };
    const preheat = this.#add(order, nowMs, true);
    for (const host of chooseHosts(id, request, live)) {
      preheat.hosts.set(host, { host, state: 'waiting', bytesDone: 0, bytesTotal: 0 });
    }
    return preheat;
  }

  #add(order: PreheatOrder, nowMs: number, isOrdered: boolean): Preheat {
    this.#preheats.delete(order.id);
    if (this.#preheats.size >= PREHEATS_MAX) this.#dropOne();
    const preheat = {
      id: order.id,
      order,
      createdAtMs: nowMs,
      hosts: new Map(),
      isCancelled: false,
      isOrdered,
    };
    this.#preheats.set(order.id, preheat);
    return preheat;
  }

  /** What hosts say to be at goes first, however much of it they say; else the oldest. */
  #dropOne(): void {
    const all = [...this.#preheats.values()];
    const dropped = all.find(({ isOrdered }) => !isOrdered) ?? all[0];
    if (dropped !== undefined) this.#preheats.delete(dropped.id);
  }

  /** False when there is none. Hosts hear of it with their next report. */
  cancel(id: string): boolean {
    const preheat = this.#preheats.get(id);
    if (preheat === undefined) return false;
    preheat.isCancelled = true;
    for (const [host, progress] of preheat.hosts) {
      if (isOver(progress)) continue;
      preheat.hosts.set(host, { ...progress, state: 'cancelled' });
    }
    return true;
  }

  /** How far a host is. */
  progress(host: HostName, { id, reference, ...progress }: PreheatProgress, nowMs: number): void {
    const preheat = this.#preheats.get(id) ?? this.#add({ id, reference }, nowMs, false);
    if (preheat.order.reference !== reference || preheat.isCancelled) return;
    if (preheat.hosts.size >= TRACKER_HOSTS_MAX) return;
    preheat.hosts.set(host, { host, ...progress });
  }

  /** What a host has still to do. */
  ordersOf(host: HostName): readonly PreheatOrder[] {
    return this.list()
      .filter(({ hosts, isCancelled }) => {
        const own = hosts.get(host);
        return !isCancelled && own !== undefined && !isOver(own);
      })
      .map(({ order }) => order);
  }

  cancelledIds(): readonly string[] {
    return this.list()
      .filter(({ isCancelled }) => isCancelled)
      .map(({ id }) => id);
  }
}

function isOver({ state }: HostPreheat): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}

function chooseHosts(
  id: string,
  { hosts, count, percent }: PreheatRequest,
  live: readonly HostName[],
): readonly string[] {
  if (hosts !== undefined) return hosts;
  const ranked = live
    .map((host) => ({ host, rank: createHash('sha256').update(`${id}\n${host}`).digest('hex') }))
    .sort((left, right) => (left.rank < right.rank ? -1 : 1))
    .map(({ host }) => host);
  const part = percent === undefined ? ranked.length : Math.ceil((ranked.length * percent) / 100);
  return ranked.slice(0, count ?? part);
}
