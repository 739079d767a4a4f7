/** What can be wrong with a configuration: of a file, of options, or beside the daemon that runs. */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

/** A configuration file that cannot be used. */
export class ConfigError extends ShoalError {
  override readonly code = 'ERR_NODE_CONFIG';

  constructor(file: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`configuration ${file}: ${detail}`, {
      remedy: 'every key is explained in docs/config.example.toml',
      ...options,
    });
  }
}

/** An option of `shoal peer` that cannot be used, or that is missing beside the others. */
export class PeerOptionError extends ShoalError {
  override readonly code = 'ERR_NODE_PEER_OPTION';

  constructor(option: string, detail: string) {
    super(`${option}: ${detail}`, { remedy: "see 'shoal peer --help'" });
  }
}

/** A host that is to do nothing but share has no port to do it at. */
export class NothingToShareError extends ShoalError {
  override readonly code = 'ERR_NODE_NOTHING_TO_SHARE';

  constructor() {
    super('nothing says where other hosts connect', {
      remedy: 'give --listen and --identity, or a file with listen and identity in [peer]',
    });
  }
}

/** The daemon that runs was started with other settings than the file of `--config` has. */
export class ConfigDiffersError extends ShoalError {
  override readonly code = 'ERR_NODE_CONFIG_DIFFERS';

  constructor(asked: string, running: string, run: string) {
    super(`${asked} says something else than what the daemon at ${run} runs with (${running})`, {
      remedy: "leave --config out, or stop that daemon first: 'shoal drain --keep-mounts'",
    });
  }
}
