/**
 * The one FUSE session of a `blobfs` driver together with its holder and its record on disk, so
 * that a successor finds all three or none. Under a service manager that keeps descriptors, the
 * session is in its store, too: then daemon and holder may die together.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '@shoal/errors';
import {
  adoptFlatFuseSession,
  type FlatFile,
  type FlatFuseSession,
  type FlatSessionOptions,
  isHolderAlive,
  openFlatFuseSession,
  type StartHolderOptions,
  startHolder,
  stopHolder,
  stopStrayHolders,
  watchHolder,
} from '@shoal/linux';
import { DriverClosedError, SessionKeptError } from '../errors.ts';
import { HOLDER_RETRY_DELAY_MS, HOLDER_RETRY_DELAY_MS_MAX } from '../limits.ts';
import { currentBootId } from '../state/boot-id.ts';
import { hostShortageOf } from './host-shortage.ts';
import type { LostMount } from './mount-driver.ts';
import {
  type FdStore,
  forgetSession,
  isSessionStored,
  keepSession,
  takeSessionFds,
} from './session-fds.ts';
import type { DriverEvent } from './session-log.ts';
import {
  readSessionState,
  removeSessionState,
  type SessionState,
  writeSessionState,
} from './session-state.ts';

export type BlobfsSessionOptions = {
  readonly stateDirectory: string;
  readonly session: Omit<FlatSessionOptions, 'files'>;
  readonly holderKind: StartHolderOptions['kind'];
  readonly fdStore: FdStore | undefined;
  readonly report: (event: DriverEvent) => void;
};

export class BlobfsSession {
  readonly fuse: FlatFuseSession;
  readonly #options: BlobfsSessionOptions;
  #state: SessionState;
  #stopWatching: () => void;
  /** A holder that is being started; ending must know it, or it would stay for ever. */
  #replacing: Promise<void> = Promise.resolve();
  readonly #leaving = new AbortController();

  private constructor(fuse: FlatFuseSession, state: SessionState, options: BlobfsSessionOptions) {
    this.fuse = fuse;
    this.#state = state;
    this.#options = options;
    keepSession(fuse, state.sessionId, options);
    this.#stopWatching = this.#watch();
  }

  /** A new session, held and recorded before anything is mounted on it. */
  static async open(options: BlobfsSessionOptions): Promise<BlobfsSession> {
    const fuse = await openFlatFuseSession(options.session);
    try {
      const state = await hold(fuse, randomBytes(8).toString('hex'), options);
      return new BlobfsSession(fuse, state, options);
    } catch (error) {
      await fuse.close();
      throw error;
    }
  }

  /**
   * The predecessor's session; undefined when there is none or it cannot be taken over.
   *
   * @throws ERR_LINUX_FUSE_WORKERS when only this process cannot serve it; what a lack of descriptors
   *   or memory kept from being done
   */
  static async adopt(
    files: readonly FlatFile[],
    options: BlobfsSessionOptions,
  ): Promise<BlobfsSession | undefined> {
    const { stateDirectory, report } = options;
    const state = readSessionState(stateDirectory);
    if (state === undefined) return undefined;
    try {
      const { fuse: fd, mount } = takeSessionFds(state, options);
      const adopted = { ...options.session, files, fd, mount: { fd: mount }, init: state.init };
      // Its holder may have died, too: watching it finds that out and starts another.
      const session = new BlobfsSession(await adoptFlatFuseSession(adopted), state, options);
      stopStrayHolders(stateDirectory, { keep: state.holder, socketDirectory: stateDirectory });
      return session;
    } catch (error) {
      // The session is in order, and ours to keep: another process may be able to serve it.
      const isOurs = errorCode(error) === 'ERR_LINUX_FUSE_WORKERS';
      if (isOurs || hostShortageOf(error) !== undefined) throw error;
      report({
        level: 'warn',
        message:
          'the FUSE session of the last daemon cannot be taken over: images are mounted anew',
        error,
      });
      return undefined;
    }
  }

  /** Leaves session and holder to a successor. */
  async detach(): Promise<void> {
    await this.#stopReplacing();
    await this.fuse.detach();
  }

  /** Ends session and holder: readers that still wait get errors. */
  async end(): Promise<void> {
    await this.#stopReplacing();
    await this.fuse.close();
    forgetSession(this.#state.sessionId, this.#options);
    await stopHolder(this.#state.holder);
    removeSessionState(this.#options.stateDirectory, this.#state.sessionId);
  }

  #watch(): () => void {
    return watchHolder(this.#state.holder, () => {
      this.#options.report({ level: 'warn', message: 'the holder of the FUSE session ended' });
      this.#replacing = this.#replaceHolder();
    });
  }

  async #stopReplacing(): Promise<void> {
    this.#stopWatching();
    this.#leaving.abort();
    await this.#replacing;
    // The new holder is watched, too.
    this.#stopWatching();
  }

  /** Until there is one: a full disk or a host without memory heals. Leaving, it is tried once more. */
  async #replaceHolder(): Promise<void> {
    const { signal } = this.#leaving;
    let pauseMs = HOLDER_RETRY_DELAY_MS;
    while (!(await this.#tryReplace()) && !signal.aborted) {
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      pauseMs = Math.min(2 * pauseMs, HOLDER_RETRY_DELAY_MS_MAX);
    }
  }

  async #tryReplace(): Promise<boolean> {
    try {
      await stopHolder(this.#state.holder);
      this.#state = await hold(this.fuse, this.#state.sessionId, this.#options);
      this.#stopWatching = this.#watch();
      return true;
    } catch (error) {
      const message = 'no new holder: the FUSE session would not survive this daemon';
      this.#options.report({ level: 'error', message, error });
      return false;
    }
  }
}

async function hold(
  fuse: FlatFuseSession,
  sessionId: string,
  { stateDirectory, holderKind }: BlobfsSessionOptions,
): Promise<SessionState> {
  const { fd, mountFd, init } = fuse;
  if (mountFd === undefined) throw new DriverClosedError('the session has no mount descriptor');
  const holder = await startHolder({ fuse: fd, mount: mountFd }, stateDirectory, {
    kind: holderKind ?? 'auto',
    socketDirectory: stateDirectory,
  });
  const state = { bootId: currentBootId(), sessionId, holder, init };
  try {
    writeSessionState(stateDirectory, state);
    return state;
  } catch (error) {
    await stopHolder(holder);
    throw error;
  }
}

/**
 * Ends what a predecessor left that cannot be taken over, so that nobody waits for it.
 *
 * @param lost mounts that only this start could not make anything of
 * @throws SessionKeptError when their session lives: it ends for good, and the next start may do better
 */
export async function endPredecessor(
  options: BlobfsSessionOptions,
  lost: readonly LostMount[] = [],
): Promise<void> {
  const { stateDirectory, fdStore } = options;
  const state = readSessionState(stateDirectory);
  const [first] = lost;
  if (first !== undefined && state !== undefined) {
    const isAlive = isHolderAlive(state.holder) || isSessionStored(state.sessionId, fdStore);
    const mountpoints = lost.map(({ mountpoint }) => mountpoint);
    if (isAlive) throw new SessionKeptError(mountpoints, first.error);
  }
  fdStore?.dropRest();
  if (state !== undefined) {
    forgetSession(state.sessionId, options);
    await stopHolder(state.holder);
  }
  stopStrayHolders(stateDirectory, { socketDirectory: stateDirectory });
  removeSessionState(stateDirectory);
}
