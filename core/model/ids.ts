// Ids carry a prefix and sort by time: 48 bits of milliseconds, then 80 bits of chance, in Crockford's base 32.

import { badInput } from '../errors.ts';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

export const idPrefixes = {
  space: 'spc',
  instance: 'ins',
  snapshot: 'snp',
  distribution: 'dst',
  plan: 'pln',
  assignment: 'asg',
  handIn: 'hnd',
  reclaim: 'rcl',
  upload: 'upl',
  request: 'req',
} as const;

export type IdKind = keyof typeof idPrefixes;

/** A new id of `kind`: `atMs` gives its place in time, the first 10 of `chance` the rest. */
export function makeId(kind: IdKind, atMs: number, chance: Uint8Array): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(atMs) << 16n);
  bytes.set(chance.subarray(0, 10), 6);
  // 26 digits of 5 bits hold 130, so the first digit begins with two zero bits.
  let text = '';
  let rest = 0;
  let bits = 2;
  for (const byte of bytes) {
    rest = (rest << 8) | byte;
    for (bits += 8; bits >= 5; rest &= (1 << bits) - 1) {
      bits -= 5;
      text += alphabet[rest >>> bits];
    }
  }
  return `${idPrefixes[kind]}_${text}`;
}

const pattern = /^([a-z]{3})_[0-9a-hjkmnp-tv-z]{26}$/;

export const isId = (kind: IdKind, text: string): boolean => pattern.exec(text)?.[1] === idPrefixes[kind];

/** The id itself, or a clear refusal that names the field. */
export function parseId(kind: IdKind, text: string, pointer: string): string {
  if (isId(kind, text)) return text;
  throw badInput(
    pointer,
    `"${text.slice(0, 60)}" is not the id of a ${kind}; those begin with ${idPrefixes[kind]}_.`,
  );
}
