/** The log the service writes to: structurally a pino logger, so that this package needs none. */
export type ServiceLog = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** Says nothing; for tests and for callers that do not care. */
export const silentLog: ServiceLog = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/** Fields of an error for a log line: code and message, never its stack or other fields. */
export function errorFields(error: unknown): { code: string | undefined; reason: string } {
  const code =
    typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
      ? error.code
      : undefined;
  return { code, reason: error instanceof Error ? error.message : String(error) };
}
