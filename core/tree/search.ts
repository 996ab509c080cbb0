// Binary search among the items of a page.

import { compareKeys } from '../model/path.ts';

/** The index of the last item whose key is at or before `key`; -1 when all come after it. */
export function lastAtOrBefore(items: readonly { readonly key: string }[], key: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(items[middle]!.key, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The index of the first item whose key is at or after `key`; their number when all come before it. */
export function indexFrom(items: readonly { readonly key: string }[], key: string): number {
  const at = lastAtOrBefore(items, key);
  return items[at]?.key === key ? at : at + 1;
}
