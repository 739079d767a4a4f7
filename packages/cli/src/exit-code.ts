/**
 * The one place where errors become exit codes. Codes are stable: scripts test them.
 */
import { errorCode } from '@shoal/errors';

export const ExitCode = {
  /** Everything asked for was done. */
  done: 0,
  /** It could not be done, or a comparison found differences. */
  failed: 1,
  /**
   * The command line is wrong: unknown option, impossible value, malformed reference, a file that an
   * option names and that cannot be used (configuration, certificates, patterns, report).
   */
  usage: 2,
  /** Some of what was asked for was done. */
  partly: 3,
  /** Stopped by SIGINT or SIGTERM. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Errors of other packages that only a wrong command line can cause. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'ERR_CLI_USAGE',
  'ERR_OCI_HOST_PORT',
  'ERR_OCI_REFERENCE',
  'ERR_OCI_PLATFORM',
  'ERR_CONVERTER_OPTIONS',
  'ERR_REGISTRY_CLIENT_REFERENCE_KIND',
  'ERR_CONVERTER_OPTION_FILE',
  'ERR_CLI_REPORT_FILE',
  'ERR_REGISTRY_CLIENT_CONFIG',
  'ERR_NODE_CONFIG',
  'ERR_NODE_CONFIG_DIFFERS',
  'ERR_NODE_NOTHING_TO_SHARE',
  'ERR_NODE_PEER_OPTION',
  'ERR_REGISTRY_PROXY_CONFIG',
  'ERR_P2P_AUTHORITY',
  'ERR_P2P_CERTIFICATE_REQUEST',
  'ERR_P2P_GRANT',
  'ERR_P2P_HOST_NAME',
  'ERR_P2P_IDENTITY_FILES',
  'ERR_P2P_TOKEN_KEY',
  'ERR_P2P_TRACKER_OPTIONS',
]);

/** The exit code of a command that ended with `error`. */
export function exitCodeOf(error: unknown, signal: AbortSignal): ExitCode {
  if (signal.aborted) return ExitCode.interrupted;
  const code = errorCode(error);
  if (code === undefined) return ExitCode.failed;
  if (code === 'ERR_CLI_OUTPUT_CLOSED') return ExitCode.done;
  if (USAGE_CODES.has(code)) return ExitCode.usage;
  return ExitCode.failed;
}
