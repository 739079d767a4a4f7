/** What each request on the control socket does. */
import { listDrivers } from '@shoal/snapshotter';
import type { CacheCollector } from '../cache/cache-collector.ts';
import { verifyCaches } from '../cache/verify-caches.ts';
import type { Caches } from '../caches.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { blobRoutes } from './blob-routes.ts';
import { checkBody } from './control-errors.ts';
import {
  CONTROL_PATH,
  collectRequestSchema,
  drainRequestSchema,
  mountRequestSchema,
  type StopAnswer,
  stopRequestSchema,
  traceRequestSchema,
  unmountRequestSchema,
} from './control-protocol.ts';
import { type Routes, TextAnswer } from './control-server.ts';
import { daemonStatus, type StatusSources } from './daemon-status.ts';
import { traceOf } from './trace.ts';

export type ControlRoutesInput = StatusSources & {
  readonly metrics: Metrics;
  readonly caches: Caches;
  readonly collector: CacheCollector;
  /** Has the daemon leave. */
  readonly stop: () => void;
  /** Leaves containerd's socket to the next daemon. */
  readonly leaveSocket: () => void;
  /** Takes it away when the daemon leaves: nothing is served any more. */
  readonly giveUpSocket: () => void;
};

export function controlRoutes(input: ControlRoutesInput): Routes {
  const { service, metrics, facts, stop } = input;
  return {
    [`GET ${CONTROL_PATH.ping}`]: () => Promise.resolve(facts),
    [`GET ${CONTROL_PATH.status}`]: () => daemonStatus(input),
    [`GET ${CONTROL_PATH.metrics}`]: async () =>
      new TextAnswer(metrics.contentType, await metrics.text()),
    [`GET ${CONTROL_PATH.drivers}`]: () => listDrivers(facts.root),
    [`GET ${CONTROL_PATH.mounting}`]: () => Promise.resolve(service.mounting()),
    [`POST ${CONTROL_PATH.mount}`]: (body, signal) =>
      service.mount(checkBody(mountRequestSchema, body, 'mount'), { signal }),
    [`POST ${CONTROL_PATH.unmount}`]: (body) =>
      service.unmount(checkBody(unmountRequestSchema, body, 'unmount')),
    [`POST ${CONTROL_PATH.drain}`]: async (body) => {
      const answer = await service.drain(checkBody(drainRequestSchema, body, 'drain'));
      if (answer.busy.length > 0) return answer;
      void service.untilUnread().then(() => {
        input.giveUpSocket();
        stop();
      });
      return answer;
    },
    [`POST ${CONTROL_PATH.cacheGc}`]: (body) =>
      input.collector.collect(checkBody(collectRequestSchema, body, 'cache gc')),
    [`POST ${CONTROL_PATH.cacheVerify}`]: (_, signal) => verifyCaches(input.caches, signal),
    [`POST ${CONTROL_PATH.trace}`]: async (body) =>
      traceOf(checkBody(traceRequestSchema, body, 'trace'), input),
    ...blobRoutes(input),
    [`POST ${CONTROL_PATH.stop}`]: async (body): Promise<StopAnswer> => {
      const { onlyIfIdle = false, isReplaced } = checkBody(stopRequestSchema, body, 'stop');
      const isStopping = !onlyIfIdle || service.isIdle;
      if (isStopping) {
        service.refuseMounts();
        if (isReplaced === true) input.leaveSocket();
        stop();
      }
      return { isStopping, mounts: service.status().mounts.length };
    },
  };
}
