// Which part of a state is meant: entries by path, and everything that begins with a prefix. A scope is kept as sorted,
// disjoint key ranges, so that a tree is walked over each key once.

import { badInput } from '../errors.ts';
import {
  afterPrefix,
  areaOf,
  compareKeys,
  type Kind,
  kinds,
  parseKindPath,
  parsePrefix,
  toKey,
} from './path.ts';

/** One selected thing: an entry by `path`, or all that begins with `prefix` (`""` is all of the kind). */
export interface Selector {
  readonly kind: Kind;
  readonly path?: string | undefined;
  readonly prefix?: string | undefined;
}

export interface Range {
  readonly from: string;
  readonly to: string;
}

const keyRange = (key: string): Range => ({ from: key, to: `${key}\0` });
const prefixRange = (prefix: string): Range => ({ from: prefix, to: afterPrefix(prefix)! });

/** The keys a selector names, checked; `pointer` is where it stands in the request. */
export function rangeOf(selector: Selector, pointer: string): Range {
  const { kind, path, prefix } = selector;
  if ((path === undefined) === (prefix === undefined))
    throw badInput(pointer, 'Give either "path" (one entry) or "prefix" (what begins with it).');
  if (path !== undefined) return keyRange(toKey(kind, parseKindPath(kind, path, `${pointer}/path`)));
  return prefixRange(areaOf(kind) + parsePrefix(prefix!, `${pointer}/prefix`));
}

export const everything: readonly Range[] = kinds
  .map((kind) => prefixRange(areaOf(kind)))
  .sort((a, b) => compareKeys(a.from, b.from));

/** Sorted and disjoint: ranges that overlap or touch become one. */
export function joinRanges(ranges: readonly Range[]): Range[] {
  const joined: { from: string; to: string }[] = [];
  for (const range of [...ranges].sort((a, b) => compareKeys(a.from, b.from))) {
    const last = joined.at(-1);
    if (!last || compareKeys(range.from, last.to) > 0) joined.push({ ...range });
    else if (compareKeys(range.to, last.to) > 0) last.to = range.to;
  }
  return joined;
}

/** The part of the ranges that lies in the areas of these kinds. */
export function withinKinds(ranges: readonly Range[], wanted: (kind: Kind) => boolean): Range[] {
  const areas = kinds.filter(wanted).map((kind) => prefixRange(areaOf(kind)));
  const later = (a: string, b: string) => (compareKeys(a, b) > 0 ? a : b);
  const sooner = (a: string, b: string) => (compareKeys(a, b) < 0 ? a : b);
  return ranges
    .flatMap((range) =>
      areas.map((area) => ({ from: later(range.from, area.from), to: sooner(range.to, area.to) })),
    )
    .filter(({ from, to }) => compareKeys(from, to) < 0)
    .sort((a, b) => compareKeys(a.from, b.from));
}

export const inRanges = (ranges: readonly Range[], key: string): boolean =>
  ranges.some(({ from, to }) => compareKeys(key, from) >= 0 && compareKeys(key, to) < 0);
