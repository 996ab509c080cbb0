// The rules of assignments (DESIGN §7): dates and overrides, when a hand-in is on time, which attempt counts, and what
// lateness costs. Values in, values out.

import * as z from 'zod';
import { digestOf, hexToBytes } from '../tree/digest.ts';
import type { Payload } from './distribution.ts';
import { makeId } from './ids.ts';
import type { Strategies } from './strategy.ts';

/** RFC 3339 times; a null date never comes. */
export interface Dates {
  readonly opensAt: string;
  readonly dueAt: string;
  /** Between due and close a hand-in is late; after it there is none. */
  readonly closesAt: string | null;
}

export type Submission = { readonly files: readonly string[] } | { readonly folder: string };

export const latePolicy = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  /** Lateness costs `percent` of the points for each begun interval, down to `floorPercent`. */
  z.strictObject({
    kind: z.literal('deduct'),
    percent: z.number().min(0).max(100),
    interval: z.enum(['hour', 'day']),
    floorPercent: z.number().min(0).max(100).default(0),
  }),
  z.strictObject({ kind: z.literal('zero') }),
]);
export type LatePolicy = z.output<typeof latePolicy>;

export interface Assignment extends Dates {
  readonly id: string;
  readonly spaceId: string;
  readonly title: string;
  readonly source: { readonly instanceId: string; readonly version: number };
  readonly payload: Payload;
  readonly strategies: Strategies;
  readonly submission: Submission;
  /** Whether who hands nothing in is captured as of the due date. */
  readonly capture: boolean;
  readonly attempts: number | null;
  /** Bytes of all submitted files together. */
  readonly sizeLimit: number | null;
  readonly timeZone: string | null;
  readonly latePolicy: LatePolicy;
  /** How long before the due date the class is reminded. */
  readonly dueSoonSeconds: number;
  /** Raised when dates change: timers of an older generation do nothing. */
  readonly generation: number;
  /** The distribution that opened it. */
  readonly distributionId?: string;
  readonly releasedAt?: string;
  readonly deletedAt?: string;
  readonly createdAt: string;
  readonly createdBy: string;
}

/** The id of the distribution that gives it to an instance, or to `all`: the same one however often it is asked for. */
export const openingId = ({ id, createdAt }: Assignment, target: string): string =>
  makeId('distribution', Date.parse(createdAt), hexToBytes(digestOf([id, 'open', target])));

/** Other dates for a student or a group; fields that are left out stay as they are. */
export interface Override {
  readonly subject: string;
  readonly of: 'student' | 'group';
  readonly opensAt?: string | undefined;
  readonly dueAt?: string | undefined;
  readonly closesAt?: string | null | undefined;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
}

const earliest = (times: readonly string[]): string =>
  [...times].sort((a, b) => Date.parse(a) - Date.parse(b))[0]!;
const latest = (times: readonly string[]): string =>
  [...times].sort((a, b) => Date.parse(b) - Date.parse(a))[0]!;

/** Field by field: a student's override beats the group's, and of several the most lenient counts. */
export function effectiveDates(base: Dates, overrides: readonly Override[]): Dates {
  const given = <F extends keyof Dates>(field: F): NonNullable<Override[F]>[] | Override[F][] => {
    const own = overrides.filter((override) => override.of === 'student' && override[field] !== undefined);
    const group = overrides.filter((override) => override.of === 'group' && override[field] !== undefined);
    return (own.length > 0 ? own : group).map((override) => override[field]);
  };
  const opens = given('opensAt') as string[];
  const due = given('dueAt') as string[];
  const closes = given('closesAt') as (string | null)[];
  const close =
    closes.length === 0 ? base.closesAt : closes.includes(null) ? null : latest(closes as string[]);
  const dueAt = due.length === 0 ? base.dueAt : latest(due);
  return {
    opensAt: opens.length === 0 ? base.opensAt : earliest(opens),
    dueAt,
    // An extension beyond the class' close is an extension of the close too.
    closesAt: close !== null && secondOf(close) < secondOf(dueAt) ? dueAt : close,
  };
}

/** Dates are inclusive at the second: what happens within the due second is on time. */
export const secondOf = (time: string | number): number =>
  Math.floor((typeof time === 'string' ? Date.parse(time) : time) / 1_000);

/** The last millisecond that belongs to a date. */
export const endOfSecond = (time: string): number => secondOf(time) * 1_000 + 999;

/** Seconds by which a hand-in is late; 0 on time. */
export const lateness = (at: string | number, dates: Dates): number =>
  Math.max(0, secondOf(at) - secondOf(dates.dueAt));

export type Phase = 'scheduled' | 'open' | 'due' | 'closed';

/** Where a time stands in the dates: `due` means past due and not closed, so that a hand-in is late. */
export function phaseAt(dates: Dates, nowMs: number): Phase {
  const now = secondOf(nowMs);
  if (nowMs < Date.parse(dates.opensAt)) return 'scheduled';
  if (dates.closesAt !== null && now > secondOf(dates.closesAt)) return 'closed';
  return now > secondOf(dates.dueAt) ? 'due' : 'open';
}

/** Dates in order, or what is wrong with them. */
export function faultOfDates(dates: Dates): { field: keyof Dates; detail: string } | undefined {
  if (Date.parse(dates.dueAt) <= Date.parse(dates.opensAt))
    return { field: 'dueAt', detail: 'The due date comes after the opening.' };
  if (dates.closesAt !== null && Date.parse(dates.closesAt) < Date.parse(dates.dueAt))
    return { field: 'closesAt', detail: 'The close does not come before the due date.' };
  return undefined;
}

/** A hand-in, or a capture, as much as is needed to choose among them. */
export interface Attempt {
  readonly id: string;
  readonly at: string;
}

export type CountedReason = 'on-time' | 'late' | 'captured' | 'missing';

/**
 * Which attempt counts: the last one in time, else the last late one before the close, else the capture made as of the
 * due date that is in force, else none.
 */
export function countedAttempt<A extends Attempt>(
  handIns: readonly A[],
  captures: readonly A[],
  dates: Dates,
): { readonly attempt: A | undefined; readonly reason: CountedReason } {
  const onTime = handIns.findLast(({ at }) => lateness(at, dates) === 0);
  if (onTime) return { attempt: onTime, reason: 'on-time' };
  const closes = dates.closesAt;
  const late = handIns.findLast(({ at }) => closes === null || secondOf(at) <= secondOf(closes));
  if (late) return { attempt: late, reason: 'late' };
  const captured = captures.find(({ at }) => Date.parse(at) === Date.parse(dates.dueAt));
  return captured ? { attempt: captured, reason: 'captured' } : { attempt: undefined, reason: 'missing' };
}

const intervalSeconds = { hour: 3_600, day: 86_400 } as const;

/**
 * The score after lateness, the way Canvas documents it: each begun interval costs a share of the points possible, never
 * below the floor, and never more than the score had above the floor.
 */
export function afterLateness(score: number, outOf: number, lateSeconds: number, policy: LatePolicy): number {
  if (lateSeconds === 0 || policy.kind === 'none') return score;
  if (policy.kind === 'zero') return 0;
  const intervals = Math.ceil(lateSeconds / intervalSeconds[policy.interval]);
  const scorePercent = outOf === 0 ? 0 : (score / outOf) * 100;
  const percent = Math.min(policy.percent * intervals, Math.max(0, scorePercent - policy.floorPercent));
  return Math.round((score - (outOf * percent) / 100) * 100) / 100;
}
