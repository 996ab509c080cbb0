// Makes things at most once for each name, as far back as a process remembers: so many, for ten minutes, and never longer
// than a grace, for what was stored and is referred to by nobody is reclaimed some day. What failed is made anew.

import type { Ports } from '../ports.ts';

const rememberedMs = 10 * 60_000;

interface Made<T> {
  readonly value: Promise<T>;
  readonly atMs: number;
}

export class Memo<T> {
  readonly #size: number;
  /** By store: two of them share nothing. */
  readonly #made = new WeakMap<object, Map<string, Made<T>>>();

  constructor(size: number) {
    this.#size = size;
  }

  once({ records, now, settings }: Ports, name: string, make: () => Promise<T>): Promise<T> {
    const made = this.#made.get(records) ?? new Map<string, Made<T>>();
    this.#made.set(records, made);
    const known = made.get(name);
    const mostMs = Math.min(rememberedMs, settings.graceSeconds * 1_000);
    if (known && now() - known.atMs < mostMs) return known.value;
    const value = make();
    made.delete(name);
    made.set(name, { value, atMs: now() });
    value.catch(() => made.get(name)?.value === value && made.delete(name));
    if (made.size > this.#size) made.delete(made.keys().next().value!);
    return value;
  }
}
