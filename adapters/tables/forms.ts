// The forms of a cell, by column type: text in a CSV, value in JSON, and what Parquet stores. Null is null in each and
// never comes here. A reader answers `undefined` for what its type cannot hold: ids such as 007, whole numbers beyond
// 2^53, times finer than a millisecond. What it holds has one stored form, so equal cells are equal bytes: a time is
// kept in UTC, and -0 is 0.

import type { ColumnType } from '../../core/model/table.ts';
import type { Cell } from '../../core/ports.ts';

export type Stored = boolean | number | bigint | string | null;

export interface Form {
  /** Ends the sentence "this is not …". */
  readonly meaning: string;
  readonly fromText: (text: string) => Stored | undefined;
  readonly fromValue: (value: Cell) => Stored | undefined;
  readonly toCell: (stored: Stored) => Cell;
}

const wholeNumber = /^(?:0|-?[1-9]\d*)$/;
const decimalNumber = /^-?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const calendarDay = /^\d{4}-\d\d-\d\d$/;
const clockAndZone =
  /^[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3}0*)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const dayMs = 24 * 60 * 60 * 1000;
/** A zone can push a time out of the years of four digits. */
const yearZero = Date.parse('0000-01-01T00:00:00Z');
const yearTenThousand = Date.parse('+010000-01-01T00:00:00Z');

function booleanOf(text: string): boolean | undefined {
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  return undefined;
}

const wholeOf = (value: Cell): bigint | undefined =>
  Number.isSafeInteger(value) ? BigInt(value as number) : undefined;

const finiteOf = (value: Cell): number | undefined =>
  Number.isFinite(value) ? (value as number) + 0 : undefined;

/** Digits alone must be kept exactly; a point or an exponent says that floating point is meant. */
function decimalOf(text: string): number | undefined {
  if (!decimalNumber.test(text)) return undefined;
  const number = Number(text);
  return /[.eE]/.test(text) || Number.isSafeInteger(number) ? finiteOf(number) : undefined;
}

function dayOf(text: string): number | undefined {
  const ms = calendarDay.test(text) ? Date.parse(text) : Number.NaN;
  // 30 February may roll over into March; it then has another day of the month.
  return new Date(ms).getUTCDate() === Number(text.slice(8)) ? ms / dayMs : undefined;
}

function instantOf(text: string): bigint | undefined {
  const day = text.slice(0, 10);
  const clock = text.slice(10);
  if (!clockAndZone.test(clock) || dayOf(day) === undefined) return undefined;
  const ms = Date.parse(`${day}T${clock.slice(1).toUpperCase()}`);
  return ms >= yearZero && ms < yearTenThousand ? BigInt(ms) : undefined;
}

/** Canonical JSON text, as far as JSON has such a thing: keys keep their order. */
function jsonOf(value: Cell): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return undefined;
  try {
    return JSON.stringify(value);
  } catch {
    return undefined; // nested more deeply than the stack is high
  }
}

function jsonOfText(text: string): Stored | undefined {
  try {
    const value = JSON.parse(text) as Cell;
    return value === null ? null : jsonOf(value);
  } catch {
    return undefined;
  }
}

const ifString =
  (read: (text: string) => Stored | undefined) =>
  (value: Cell): Stored | undefined =>
    typeof value === 'string' ? read(value) : undefined;

export const forms: Readonly<Record<ColumnType, Form>> = {
  boolean: {
    meaning: 'true or false',
    fromText: booleanOf,
    fromValue: (value) => (typeof value === 'boolean' ? value : undefined),
    toCell: Boolean,
  },
  int64: {
    meaning: 'a whole number between -(2^53-1) and 2^53-1',
    fromText: (text) => (wholeNumber.test(text) ? wholeOf(Number(text)) : undefined),
    fromValue: wholeOf,
    toCell: Number,
  },
  double: {
    meaning: 'a finite number (whole ones within 2^53)',
    fromText: decimalOf,
    fromValue: finiteOf,
    toCell: Number,
  },
  string: {
    meaning: 'text',
    fromText: (text) => text,
    fromValue: ifString((text) => text),
    toCell: String,
  },
  date: {
    meaning: 'a day such as 2026-11-23',
    fromText: dayOf,
    fromValue: ifString(dayOf),
    toCell: (day) => new Date(Number(day) * dayMs).toISOString().slice(0, 10),
  },
  timestamp: {
    meaning: 'a time with its zone, to the millisecond, such as 2026-11-23T10:00:00Z',
    fromText: instantOf,
    fromValue: ifString(instantOf),
    toCell: (ms) => new Date(Number(ms)).toISOString(),
  },
  json: {
    meaning: 'JSON that can be kept',
    fromText: jsonOfText,
    fromValue: jsonOf,
    toCell: (text) => JSON.parse(String(text)) as Cell,
  },
};
