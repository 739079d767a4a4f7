/**
 * containerd's filter grammar (`pkg/filters`): selectors joined by commas must all match, of several
 * filters one. A selector is a field path, alone (the field is present) or with `==`, `!=` or `~=`
 * and a value. Fields of a snapshot: `name`, `parent`, `kind`, `labels.<key>`.
 */
import { SnapshotFilterError, SnapshotRequestError } from './errors.ts';
import { unquote } from './filter-quote.ts';
import { compileRegexp } from './filter-regexp.ts';
import { FilterScanner } from './filter-scanner.ts';
import { FILTER_BYTES_MAX, FILTERS_MAX } from './limits.ts';
import { TARGET_LABEL } from './snapshot-keys.ts';
import type { ListSelection } from './snapshot-reads.ts';
import type { Snapshot } from './snapshot-record.ts';

/** What a filter may ask for: undefined for a field that is not there. */
export type FieldReader = (path: readonly string[]) => string | undefined;

type Operator = 'present' | '==' | '!=' | '~=';
type Selector = {
  readonly path: readonly string[];
  readonly operator: Operator;
  readonly value: string;
  readonly matches: (field: string | undefined) => boolean;
};
export type Filter = readonly Selector[];

/** @throws SnapshotFilterError, SnapshotRequestError when there are too many or too long ones */
export function parseFilters(texts: readonly string[]): Filter[] {
  if (texts.length > FILTERS_MAX) {
    throw new SnapshotRequestError(`${texts.length} filters are more than ${FILTERS_MAX}`);
  }
  return texts.map(parseFilter);
}

/** True when there is no filter, or one of them matches. */
export function matchesAny(filters: readonly Filter[], fields: FieldReader): boolean {
  return (
    filters.length === 0 ||
    filters.some((filter) => filter.every(({ path, matches }) => matches(fields(path))))
  );
}

export function snapshotFields(snapshot: Snapshot): FieldReader {
  return ([first, ...rest]) => {
    if (first === 'name') return snapshot.name;
    if (first === 'parent') return snapshot.parent ?? '';
    if (first === 'kind') return snapshot.kind;
    if (first !== 'labels') return undefined;
    const key = rest.join('.');
    return Object.hasOwn(snapshot.labels, key) ? snapshot.labels[key] : undefined;
  };
}

/** The smallest part of the records that holds all matches. */
export function selectionOf(filters: readonly Filter[]): ListSelection {
  const [filter] = filters;
  if (filter === undefined || filters.length > 1) return { kind: 'all' };
  const name = required(filter, ['name']);
  if (name !== undefined) return { kind: 'name', name };
  const chainId = required(filter, ['labels', ...TARGET_LABEL.split('.')]);
  if (chainId !== undefined && chainId !== '') return { kind: 'target', chainId };
  const parent = required(filter, ['parent']);
  if (parent !== undefined && parent !== '') return { kind: 'children', parent };
  return { kind: 'all' };
}

function required(filter: Filter, path: readonly string[]): string | undefined {
  const wanted = path.join('.');
  const found = filter.find(
    (selector) => selector.operator === '==' && selector.path.join('.') === wanted,
  );
  return found?.value;
}

function parseFilter(text: string): Filter {
  if (text === '') return [];
  if (Buffer.byteLength(text) > FILTER_BYTES_MAX) {
    throw new SnapshotRequestError(`a filter is longer than ${FILTER_BYTES_MAX} bytes`);
  }
  return new FilterParser(text).parse();
}

class FilterParser {
  readonly #text: string;
  readonly #scanner: FilterScanner;

  constructor(text: string) {
    this.#text = text;
    this.#scanner = new FilterScanner(text);
  }

  parse(): Filter {
    const selectors = [this.#selector()];
    for (let next = this.#scanner.peek(); next !== undefined; next = this.#scanner.peek()) {
      if (next !== ',') throw this.#error(this.#scanner.position, 'unexpected text');
      this.#scanner.next();
      selectors.push(this.#selector());
    }
    return selectors;
  }

  #selector(): Selector {
    const path = [this.#field()];
    while (this.#scanner.peek() === '.') {
      this.#scanner.next();
      path.push(this.#field());
    }
    const next = this.#scanner.peek();
    if (next === undefined || next === ',') return selector(path, 'present', '');
    const operator = this.#operator();
    return selector(path, operator, this.#value(operator));
  }

  #field(): string {
    const { kind, at, text } = this.#scanner.next();
    if (kind === 'field') return text;
    if (kind === 'quoted') return this.#unquote(text, at, false);
    throw this.#error(at, kind === 'illegal' ? this.#scanner.problem : 'a field is expected');
  }

  #operator(): Exclude<Operator, 'present'> {
    const { kind, at, text } = this.#scanner.next();
    if (kind === 'operator' && (text === '==' || text === '!=' || text === '~=')) return text;
    throw this.#error(at, kind === 'illegal' ? this.#scanner.problem : '==, != or ~= is expected');
  }

  #value(operator: Operator): string {
    const { kind, at, text } = this.#scanner.next();
    if (kind === 'value' || kind === 'field') return text;
    if (kind === 'quoted') return this.#unquote(text, at, operator === '~=');
    throw this.#error(at, kind === 'illegal' ? this.#scanner.problem : 'a value is expected');
  }

  #unquote(text: string, at: number, isRegexp: boolean): string {
    if (!isRegexp && !text.startsWith('"')) throw this.#error(at, 'this quote is not allowed here');
    const inside = unquote(text);
    if (inside === undefined) throw this.#error(at, 'the quoted text has a wrong escape');
    return inside;
  }

  #error(at: number, detail: string): SnapshotFilterError {
    return new SnapshotFilterError(this.#text, at, detail);
  }
}

function selector(path: readonly string[], operator: Operator, value: string): Selector {
  return { path, operator, value, matches: matcher(operator, value) };
}

/** An absent field is unequal to every value, and the empty text for a regular expression. */
function matcher(operator: Operator, value: string): Selector['matches'] {
  if (operator === 'present') return (field) => field !== undefined;
  if (operator === '==') return (field) => field === value;
  if (operator === '!=') return (field) => (field ?? '') !== value;
  const isMatch = compileRegexp(value);
  return (field) => isMatch(field ?? '');
}
