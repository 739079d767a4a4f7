/** A map whose values can be visited in an order that chance decides, without copying them. */
export class IndexedMap<Key, Value> {
  readonly #places = new Map<Key, number>();
  readonly #keys: Key[] = [];
  readonly #values: Value[] = [];

  get size(): number {
    return this.#values.length;
  }

  get(key: Key): Value | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#values[place];
  }

  set(key: Key, value: Value): void {
    const place = this.#places.get(key) ?? this.#values.length;
    this.#places.set(key, place);
    this.#keys[place] = key;
    this.#values[place] = value;
  }

  delete(key: Key): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    const lastKey = this.#keys.pop();
    const lastValue = this.#values.pop();
    // The last one takes its place, unless it was the last one itself.
    if (place === this.#values.length || lastKey === undefined || lastValue === undefined) return;
    this.#keys[place] = lastKey;
    this.#values[place] = lastValue;
    this.#places.set(lastKey, place);
  }

  values(): Iterable<Value> {
    return this.#values;
  }

  /** Every value once, from a random place on, in random strides. `random` gives 0 to 1. */
  *shuffled(random: () => number): Generator<Value, void> {
    const count = this.#values.length;
    if (count === 0) return;
    const stride = strideOf(count, random);
    let place = Math.floor(random() * count) % count;
    for (let visited = 0; visited < count; visited += 1) {
      const value = this.#values[place];
      if (value !== undefined) yield value;
      place = (place + stride) % count;
    }
  }
}

/** Steps of that many, modulo `count`, meet every place: the two have no divisor in common. */
function strideOf(count: number, random: () => number): number {
  let stride = 1 + (Math.floor(random() * count) % count);
  while (divisor(stride, count) !== 1) stride += 1;
  return stride;
}

function divisor(left: number, right: number): number {
  return right === 0 ? left : divisor(right, left % right);
}
