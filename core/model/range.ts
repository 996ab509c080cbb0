// The `Range` header (RFC 9110 §14): one range of bytes. Several ranges, or another unit, are answered with the whole.

import { AppError } from '../errors.ts';
import type { ByteRange } from '../ports.ts';

/** The stretch asked for, undefined for the whole; `bad-range` when it lies outside. */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [, first = '', last = ''] = match;
  const offset = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (offset >= size || end <= offset)
    throw new AppError('bad-range', `The file has ${size} bytes.`, { extra: { size } });
  return { offset, length: end - offset };
}
