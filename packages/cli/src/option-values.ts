/**
 * Parsers of option values. An impossible value is wrong use (exit code 2) before anything starts.
 */
import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A parser of whole numbers within bounds (both included). */
export function wholeNumberParser(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A parser of sizes in bytes: `4096`, `64k`, `1m`, `2MiB` (powers of 1024), within bounds (both included). */
export function sizeParser(min: number, max: number): (text: string) => number {
  return (text) => {
    const match = /^([0-9]{1,16})(|k|m|g)(?:ib|b)?$/i.exec(text);
    const value =
      match === null ? Number.NaN : Number(match[1]) * (UNITS[match[2]?.toLowerCase() ?? ''] ?? 0);
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`Give a size from ${min} to ${max} bytes, such as 64k or 1m.`);
    }
    return value;
  };
}

/** Collects the values of an option that may be given several times. */
export function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** A TCP port, 0 (any that is free) included. */
export function portParser(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('Give a port from 0 to 65535.');
  return port;
}
