// Paths and the keys of a state tree (DESIGN §3). A key is `<kind>s/<path>`; keys are compared as UTF-8 bytes.

import { badInput } from '../errors.ts';

export const kinds = ['file', 'table', 'app'] as const;
export type Kind = (typeof kinds)[number];

export const maxPathBytes = 1_024;
export const maxNameBytes = 255;

const utf8 = new TextEncoder();

/** UTF-8 order of two strings without encoding them: surrogates sort above every other code unit. */
export function compareKeys(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return lift(x) - lift(y);
  }
  return a.length - b.length;
}

const lift = (unit: number): number => (unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);

/** The first string after every string that begins with `prefix`; undefined when there is none. */
export function afterPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (c) => c.codePointAt(0)!);
  while (points.length > 0) {
    const last = points.pop()!;
    if (last < 0x10ffff) return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}

/** Checks a file path and brings it to NFC. */
export function parsePath(text: string, pointer: string): string {
  const refuse = (detail: string) => badInput(pointer, detail, 'bad-path');
  if (!text.isWellFormed()) throw refuse('The path is not valid Unicode.');
  const path = text.normalize('NFC');
  if (path === '') throw refuse('The path is empty.');
  const bytes = utf8.encode(path).length;
  if (bytes > maxPathBytes) throw refuse(`The path has ${bytes} bytes; the limit is ${maxPathBytes}.`);
  if (/[\u0000-\u001f\u007f-\u009f]/.test(path)) throw refuse('The path has a control character.');
  if (path.includes('\\')) throw refuse('The path has a backslash; use / between folders.');
  for (const segment of path.split('/')) {
    if (segment === '') throw refuse('The path has an empty segment: no leading, trailing or double slash.');
    if (segment === '.' || segment === '..')
      throw refuse(`The path has a "${segment}" segment; name it in full.`);
  }
  return path;
}

/** Checks the name of a table or an application: a path of one segment. */
export function parseName(text: string, pointer: string): string {
  const name = parsePath(text, pointer);
  if (name.includes('/')) throw badInput(pointer, 'A name has no slash.', 'bad-path');
  if (utf8.encode(name).length > maxNameBytes)
    throw badInput(pointer, `The name is longer than ${maxNameBytes} bytes.`, 'bad-path');
  return name;
}

export const parseKindPath = (kind: Kind, text: string, pointer: string): string =>
  kind === 'file' ? parsePath(text, pointer) : parseName(text, pointer);

/** A prefix selects by the beginning of the path; it may end anywhere, so only what can never match is refused. */
export function parsePrefix(text: string, pointer: string): string {
  if (text === '') return '';
  // What the last segment becomes is open: `.` may go on as `.env`.
  const path = text.endsWith('/') ? text.slice(0, -1) : text.replace(/(?<=^|\/)\.\.?$/, '_');
  parsePath(path, pointer);
  return text.normalize('NFC');
}

export const areaOf = (kind: Kind): string => `${kind}s/`;
export const toKey = (kind: Kind, path: string): string => areaOf(kind) + path;

export function fromKey(key: string): { kind: Kind; path: string } {
  const slash = key.indexOf('/');
  return { kind: key.slice(0, slash - 1) as Kind, path: key.slice(slash + 1) };
}

/** The keys that would be folders above this one, nearest the root first: `files/a/b` has `files/a`. */
export function ancestorsOf(key: string): string[] {
  const found: string[] = [];
  for (let at = key.indexOf('/', key.indexOf('/') + 1); at !== -1; at = key.indexOf('/', at + 1))
    found.push(key.slice(0, at));
  return found;
}
