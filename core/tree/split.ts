// Where a page ends. The rule looks only at the items since the page began, so equal sequences are cut equally (the
// canonical law) and an edit disturbs the cuts no further than the next place where old and new ones meet.
//
// After `minBytes`, an item ends the page with a chance that grows with its own size, drawn from the hash of its key and
// level: pages average 6 KiB. Names chosen so that every item would end a page are held off by `minBytes`; names chosen
// so that none would are cut at `forcedBytes`, and one item more is at most 25 KiB, well below the 64 KiB limit.

import { sha256 } from './digest.ts';

const minBytes = 2 * 1024;
const meanBytesAfterMin = 4 * 1024;
const forcedBytes = 16 * 1024;

/** Whether the page ends after this item; `pageBytes` and `pageItems` count it already. */
export function endsPage(
  level: number,
  key: string,
  itemBytes: number,
  pageBytes: number,
  pageItems: number,
): boolean {
  if (pageItems < 2 || pageBytes < minBytes) return false;
  if (pageBytes >= forcedBytes) return true;
  const draw = Number.parseInt(sha256(`${level}\0${key}`).slice(0, 8), 16);
  return draw < (itemBytes / meanBytesAfterMin) * 2 ** 32;
}
