// The name for a delivered copy that must not touch what is there: `plan (handout 2026-11-23).md`, then
// `plan (handout 2026-11-23 2).md`. What stands around the mark follows from the key alone, so that a later distribution
// finds the copies of an earlier one. A stem that leaves no room for the mark is cut; a folder that leaves none is left.

import { areaOf, fromKey, maxNameBytes, maxPathBytes } from './path.ts';

/** What stands around the mark in the keys of all copies of a key. */
export interface Beside {
  readonly before: string;
  readonly after: string;
}

const opening = ' (handout ';
/** Room for the mark of any copy, so that the stem is cut alike in all of them. */
const markBytes = `${opening}2026-11-23 9999)`.length;
const bytesOf = (text: string): number => Buffer.byteLength(text);

/** Where copies of `key` go: beside it, or beside the file `inTheWay` that stands where a folder above it would. */
export function besideOf(key: string, inTheWay?: string): Beside {
  const { kind, path } = fromKey(key);
  const room = (kind === 'file' ? maxPathBytes : maxNameBytes) - markBytes;
  for (const { folder, stem, after } of places(path, inTheWay && fromKey(inTheWay).path)) {
    if (bytesOf(folder + after) >= room) continue;
    const characters = Array.from(stem);
    while (bytesOf(folder + characters.join('') + after) > room) characters.pop();
    return { before: areaOf(kind) + folder + characters.join(''), after };
  }
  throw new Error(`no place beside ${key}`);
}

/** The best place first; the last one always has room. */
function* places(path: string, inTheWay: string | undefined) {
  if (inTheWay !== undefined) {
    const { stem, extension } = apart(inTheWay);
    yield { folder: folderOf(inTheWay), stem, after: extension + path.slice(inTheWay.length) };
  }
  const { stem, extension } = apart(path);
  for (let folder = folderOf(inTheWay ?? path); ; folder = folderOf(folder.slice(0, -1))) {
    yield { folder, stem, after: extension };
    if (folder === '') break;
  }
  yield { folder: '', stem: stem + extension, after: '' };
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

function apart(path: string): { stem: string; extension: string } {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot > 0 ? { stem: name.slice(0, dot), extension: name.slice(dot) } : { stem: name, extension: '' };
}

/** The key of the `attempt`-th (from 1) copy of a day, YYYY-MM-DD. */
export const besideKey = ({ before, after }: Beside, day: string, attempt: number): string =>
  `${before}${opening}${day}${attempt > 1 ? ` ${attempt}` : ''})${after}`;

/** The beginning of every copy's key. */
export const besidePrefix = ({ before }: Beside): string => before + opening;

/** The part of a key up to the end of the mark, if it has one at that place. */
export function markedPart(beside: Beside, key: string): string | undefined {
  const prefix = besidePrefix(beside);
  const mark = /^\d{4}-\d\d-\d\d( \d+)?\)/.exec(key.slice(prefix.length));
  return key.startsWith(prefix) && mark ? prefix + mark[0] : undefined;
}
