// The one way in which reading a table fails. A place is written as people count: `line 3, column 2`, both from 1.

import { AppError, badInput } from '../../core/errors.ts';

/** `what` says what is wrong and what to do about it; `place` says where. */
export function badTable(what: string, place?: string): AppError {
  if (place === undefined) return new AppError('bad-table', what);
  return badInput(place, `${place[0]?.toUpperCase()}${place.slice(1)}: ${what}`, 'bad-table');
}

/** A value as an error shows it: short, and recognisable. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'A list';
  if (typeof value === 'object' && value !== null) return 'An object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
