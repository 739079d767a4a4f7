/**
 * The service manager that started this process, when there is one (systemd): its notifications,
 * and its store of descriptors that outlive the process. sd_notify(3), sd_listen_fds(3).
 */
import { LISTEN_FDS_MAX } from './limits.ts';
import { closeFd } from './syscalls.ts';
import { connectUnixSocket, openUnixSocket, sendWithFds } from './syscalls-socket.ts';

/** First descriptor that a service manager passes. */
const LISTEN_FDS_START = 3;
const NAME = /^[A-Za-z0-9_.-]{1,255}$/;

type Environment = Record<string, string | undefined>;

export class ServiceManager {
  readonly #socket: string | undefined;
  readonly #passed: Map<string, number>;

  private constructor(socket: string | undefined, passed: Map<string, number>) {
    this.#socket = socket;
    this.#passed = passed;
  }

  /**
   * What the environment says of a manager; without one every method does nothing. The variables are
   * taken out of `env`: they are not meant for processes that this one starts.
   */
  static fromEnvironment(env: Environment, pid: number): ServiceManager {
    const socket = env['NOTIFY_SOCKET'];
    const passed = passedFds(env, pid);
    for (const name of ['NOTIFY_SOCKET', 'LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) {
      delete env[name];
    }
    return new ServiceManager(socket === '' ? undefined : socket, passed);
  }

  get isPresent(): boolean {
    return this.#socket !== undefined;
  }

  /** Something of an earlier process was handed back, and nobody has taken it yet. */
  get hasStoredFds(): boolean {
    return this.#passed.size > 0;
  }

  /** Assignments such as `READY=1`, one per line. @throws SyscallError */
  notify(state: string): void {
    this.#send(state, []);
  }

  /** Has a copy kept and handed back at the next start; one name may be kept once. */
  keepFd(name: string, fd: number): void {
    checkName(name);
    // Not watched: the store would drop a detached mount's descriptor, which cannot be polled.
    this.#send(`FDSTORE=1\nFDNAME=${name}\nFDPOLL=0`, [fd]);
  }

  forgetFd(name: string): void {
    checkName(name);
    this.#send(`FDSTOREREMOVE=1\nFDNAME=${name}`, []);
  }

  /** A descriptor that was handed back at this start; the caller's now. */
  takeFd(name: string): number | undefined {
    const fd = this.#passed.get(name);
    this.#passed.delete(name);
    return fd;
  }

  /** Closes what nobody took and has it forgotten: whoever waits for it must not wait for ever. */
  dropRest(): void {
    for (const [name, fd] of this.#passed) {
      closeFd(fd);
      if (NAME.test(name)) this.forgetFd(name);
    }
    this.#passed.clear();
  }

  #send(state: string, fds: readonly number[]): void {
    if (this.#socket === undefined) return;
    const socket = openUnixSocket('datagram');
    try {
      connectUnixSocket(socket, this.#socket);
      sendWithFds(socket, Buffer.from(state), fds);
    } finally {
      closeFd(socket);
    }
  }
}

function checkName(name: string): void {
  if (!NAME.test(name)) throw new RangeError(`${JSON.stringify(name)} cannot name a descriptor`);
}

/** Descriptors that came with this process, by name; of two with one name the first stays. */
function passedFds(env: Environment, pid: number): Map<string, number> {
  const passed = new Map<string, number>();
  const count = Number(env['LISTEN_FDS'] ?? 0);
  if (Number(env['LISTEN_PID']) !== pid || !(count > 0 && count <= LISTEN_FDS_MAX)) return passed;
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':');
  for (let at = 0; at < count; at += 1) {
    const name = names[at] ?? 'unknown';
    if (passed.has(name)) closeFd(LISTEN_FDS_START + at);
    else passed.set(name, LISTEN_FDS_START + at);
  }
  return passed;
}
