// The name for a delivered copy that must not touch what is there: `plan (handout 2026-11-23).md`, then
// `plan (handout 2026-11-23 2).md`. The stem is shortened when the name would be too long to store.

import { maxPathBytes } from './path.ts';

const utf8 = new TextEncoder();

/** The `attempt`-th (from 1) name beside `path`; `day` is YYYY-MM-DD. */
export function besideName(path: string, day: string, attempt: number): string {
  const slash = path.lastIndexOf('/');
  const folder = path.slice(0, slash + 1);
  const name = path.slice(slash + 1);
  const dot = name.lastIndexOf('.');
  const stemEnd = dot > 0 ? dot : name.length;
  const mark = ` (handout ${day}${attempt > 1 ? ` ${attempt}` : ''})`;
  let stem = Array.from(name.slice(0, stemEnd));
  const assemble = () => `${folder}${stem.join('')}${mark}${name.slice(stemEnd)}`;
  while (stem.length > 0 && utf8.encode(assemble()).length > maxPathBytes) stem = stem.slice(0, -1);
  return assemble();
}
