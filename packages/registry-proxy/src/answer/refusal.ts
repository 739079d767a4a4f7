/** An answer that is an error, as the distribution specification writes it. */

/** Codes of the specification, and those that registries use beside them. */
export type OciErrorCode =
  | 'BLOB_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'RANGE_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'UNKNOWN'
  | 'UNSUPPORTED';

export type Refusal = {
  readonly kind: 'refusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** For the log: what it was made of. */
  readonly failure?: unknown;
};

export function refusal(
  status: number,
  code: OciErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Refusal {
  return {
    kind: 'refusal',
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify({ errors: [{ code, message }] })),
  };
}

export function isRefusal(value: { readonly kind: string }): value is Refusal {
  return value.kind === 'refusal';
}
