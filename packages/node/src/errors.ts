/**
 * Every condition of the daemon and its control socket, one class each. Codes are stable; callers
 * test `code`.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError, shellWord } from '@shoal/errors';

/** Nothing answers at the control socket. */
export class DaemonNotRunningError extends ShoalError {
  override readonly code = 'ERR_NODE_NOT_RUNNING';

  constructor(socket: string, options: ShoalErrorOptions = {}) {
    super(`no daemon answers at ${socket}`, {
      retryable: true,
      remedy: "'shoal mount' starts one, 'shoal node' runs one in the foreground",
      ...options,
    });
  }
}

const MOUNTS_NAMED_MAX = 8;

/** Nothing answers at the control socket, and there are mounts. */
export class MountsWaitError extends ShoalError {
  override readonly code = 'ERR_NODE_MOUNTS_WAIT';

  constructor(socket: string, mountpoints: readonly string[], options: ShoalErrorOptions = {}) {
    const more = mountpoints.length - MOUNTS_NAMED_MAX;
    const named = [
      ...mountpoints.slice(0, MOUNTS_NAMED_MAX),
      ...(more > 0 ? [`${more} more`] : []),
    ];
    super(
      `no daemon answers at ${socket}, and mounts wait for one (reads of bytes that are not in` +
        ` memory wait, too): ${named.join(', ')}`,
      {
        retryable: true,
        remedy: "'shoal node' or any 'shoal mount' starts one, which takes them over",
        ...options,
      },
    );
  }
}

/** Nothing answers at the control socket, and a process has the state open. */
export class StateHeldError extends ShoalError {
  override readonly code = 'ERR_NODE_STATE_HELD';

  constructor(
    paths: { readonly root: string; readonly socket: string },
    holder: { readonly pid: number; readonly isServing: boolean },
    options: ShoalErrorOptions = {},
  ) {
    const { pid, isServing } = holder;
    const state = isServing ? 'its socket is gone or it is stuck' : 'it starts or stops';
    super(`process ${pid} uses ${paths.root} and does not answer at ${paths.socket}: ${state}`, {
      retryable: true,
      remedy:
        `${isServing ? '' : 'wait for it; if it stays so, '}end it with 'kill ${pid}', or 'kill -9 ${pid}'` +
        " if it does not go: mounts stay, and the next 'shoal mount' takes them over",
      ...options,
    });
  }
}

/** A daemon has the control socket open and does not answer: it is stopped, or stuck. */
export class DaemonSilentError extends ShoalError {
  override readonly code = 'ERR_NODE_SILENT';

  constructor(socket: string, timeoutMs: number, options: ShoalErrorOptions = {}) {
    super(`the daemon at ${socket} did not answer within ${timeoutMs / 1000} s`, {
      retryable: true,
      remedy:
        'continue it with SIGCONT if somebody stopped it, else end it with SIGKILL: the next one takes the mounts over',
      ...options,
    });
  }
}

/** A daemon already answers at this socket. */
export class DaemonRunningError extends ShoalError {
  override readonly code = 'ERR_NODE_ALREADY_RUNNING';

  constructor(socket: string, pid: number | undefined) {
    super(`a daemon already answers at ${socket}${pid === undefined ? '' : ` (process ${pid})`}`, {
      remedy: 'use that one, stop it first, or give this one its own --root and --run',
    });
  }
}

/** What another root's daemon left in the run directory waits for its next one. */
export class RunTakenError extends ShoalError {
  override readonly code = 'ERR_NODE_RUN_TAKEN';

  constructor(run: string, owner: string, root: string) {
    super(`${run} is in use for the mounts of ${owner}: a daemon of ${root} would end them`, {
      remedy: `give this one its own --run, or start the other and drain it: shoal drain --root ${shellWord(owner)} --run ${shellWord(run)}`,
    });
  }
}

/** The daemon was started and did not come up. */
export class DaemonStartError extends ShoalError {
  override readonly code = 'ERR_NODE_START';

  constructor(detail: string, log: string, options: ShoalErrorOptions = {}) {
    super(`the daemon did not start: ${detail}`, { remedy: `see its log, ${log}`, ...options });
  }
}

/** The path of a unix socket does not fit into the kernel's structure. */
export class SocketPathError extends ShoalError {
  override readonly code = 'ERR_NODE_SOCKET_PATH';

  constructor(socket: string, bytesMax: number) {
    super(`the path of the control socket is longer than ${bytesMax} bytes: ${socket}`, {
      remedy: 'give a shorter --run directory',
    });
  }
}

/** A message on the control socket that is not part of the protocol. */
export class ControlProtocolError extends ShoalError {
  override readonly code = 'ERR_NODE_CONTROL_PROTOCOL';

  constructor(detail: string, options: ShoalErrorOptions = {}) {
    super(`control socket: ${detail}`, {
      remedy: 'the command and the daemon are of different versions: restart the daemon',
      ...options,
    });
  }
}

/** An error of the daemon, as the command that asked sees it: code and words are the daemon's. */
export class RemoteError extends ShoalError {
  override readonly code: string;

  constructor(code: string, message: string, options: ShoalErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/** Something only root may do. */
export class NotRootError extends ShoalError {
  override readonly code = 'ERR_NODE_NOT_ROOT';

  constructor(what: string) {
    super(`${what} needs root`, { remedy: 'run it as root' });
  }
}

/** The daemon shares nothing with other hosts. */
export class NotSharingError extends ShoalError {
  override readonly code = 'ERR_NODE_NOT_SHARING';

  constructor() {
    super('the daemon shares nothing with other hosts', {
      remedy: 'its configuration needs a [peer] table: see docs/peers.md',
    });
  }
}

/** The labels of this host's Kubernetes node cannot be read, or lack what is asked for. The daemon goes on without. */
export class NodeLabelsError extends ShoalError {
  override readonly code = 'ERR_NODE_LABELS';
}

/** A URL that hosts have no name for: with a query, or unusual letters. */
export class UnsharedBlobError extends ShoalError {
  override readonly code = 'ERR_NODE_UNSHARED_BLOB';

  constructor() {
    super('what is at this URL is not shared between hosts', {
      remedy: 'a URL without a query, of letters, digits, dots, dashes and underscores, is',
    });
  }
}

/** The address of `[metrics]` cannot be listened at. */
export class MetricsAddressError extends ShoalError {
  override readonly code = 'ERR_NODE_METRICS_ADDRESS';

  constructor(address: string, options: ShoalErrorOptions = {}) {
    super(`metrics cannot be served at ${address}: ${String(options.cause)}`, {
      remedy: 'give another address, or none: the control socket of a daemon has its metrics, too',
      ...options,
    });
  }
}

/** Nothing is mounted by the name that a trace was asked of. */
export class NotTracedError extends ShoalError {
  override readonly code = 'ERR_NODE_NOT_TRACED';

  constructor(name: string) {
    super(`no mounted image is called ${name}`, {
      remedy: "'shoal status' lists mountpoints and images",
    });
  }
}

/** What `--to` names is no version of Shoal that starts. Nothing was changed. */
export class UpgradeTargetError extends ShoalError {
  override readonly code = 'ERR_NODE_UPGRADE_TARGET';

  constructor(directory: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${directory} cannot be upgraded to: ${detail}`, {
      remedy: 'give the directory of a release, with bin/shoal below it (docs/release.md)',
      ...options,
    });
  }
}

/** The daemon was started in a way that leaves its end to somebody else. Nothing was changed. */
export class UpgradeRefusedError extends ShoalError {
  override readonly code = 'ERR_NODE_UPGRADE_REFUSED';

  /** With `home`, a service manager starts whatever the link names, and there is none. */
  constructor(pid: number, home?: string) {
    if (home === undefined) {
      super(`the daemon, process ${pid}, runs in the foreground of whoever started it`, {
        remedy: "end it with SIGTERM (mounts stay), then start the new version's there",
      });
      return;
    }
    super(
      `a service manager starts the daemon, process ${pid}, and ${home} has no link it follows`,
      {
        remedy: 'install versions as /opt/shoal/versions/<version> with /opt/shoal/current',
      },
    );
  }
}

/** The new version's daemon did not start. */
export class UpgradeFailedError extends ShoalError {
  override readonly code = 'ERR_NODE_UPGRADE_FAILED';

  constructor(version: string, why: string, isOldBack: boolean, options: ShoalErrorOptions = {}) {
    const old = isOldBack ? 'the old version serves' : 'and the old version did not come back';
    super(`the daemon of version ${version} did not start (${why}); ${old}`, {
      remedy: isOldBack
        ? 'see the log of the daemon; nothing was lost'
        : "start one with 'shoal node': readers wait until then",
      ...options,
    });
  }
}

/** A supervisor started the daemon again, and a command has ended another one since: none is wanted. */
export class StoppedMeanwhileError extends ShoalError {
  override readonly code = 'ERR_NODE_STOPPED_MEANWHILE';

  constructor() {
    super('a daemon was asked to end meanwhile: this one is not needed', {
      remedy: "start a daemon with any command, 'shoal node' say, if one is wanted",
    });
  }
}
