// How long what nobody deleted, and what somebody deleted, is kept. The rules of time alone; `ops/holds.ts` applies them.

import type { Settings } from '../ports.ts';
import type { Snapshot } from './snapshot.ts';
import type { Space } from './space.ts';

/** How long a plan may be followed. */
export const planLifeMs = 7 * 24 * 60 * 60 * 1_000;

/** What ended after `asOf` (epoch ms) still counts: a mark that takes its time sees what was there when it began. */
export const isOverAt = (endedAt: string | undefined, asOf: number): boolean =>
  endedAt !== undefined && Date.parse(endedAt) <= asOf;

type Kept = Pick<Space, 'historySeconds' | 'historySince'>;

/**
 * From when on (epoch ms) the states of a space stay readable by time. A window that was made longer does not bring back
 * what was given up before.
 */
export const historyFrom = (space: Kept, { historySeconds }: Settings, nowMs: number): number =>
  Math.max(
    nowMs - (space.historySeconds ?? historySeconds) * 1_000,
    space.historySince === undefined ? 0 : Date.parse(space.historySince),
  );

/** Until when (epoch ms) what was deleted can be brought back. */
export const undeleteUntil = (deletedAt: string, { graceSeconds }: Settings): number =>
  Date.parse(deletedAt) + graceSeconds * 1_000;

/**
 * What is condemned at or before this time may be deleted by a reclaim that began at `startedMs`. A tenth more than the
 * grace (a minute at most), so that whoever brought something back in the last moment is seen.
 */
export const sweepUntil = (startedMs: number, { graceSeconds }: Settings): number =>
  startedMs - graceSeconds * 1_000 - Math.min(60_000, graceSeconds * 100);

/** Whether a snapshot that the service took is past what its space keeps those for. A person's never is. */
export const isExpired = (
  { kind, createdAt }: Pick<Snapshot, 'kind' | 'createdAt'>,
  { safetySnapshotSeconds }: Pick<Space, 'safetySnapshotSeconds'>,
  nowMs: number,
): boolean =>
  kind === 'safety' &&
  safetySnapshotSeconds !== undefined &&
  Date.parse(createdAt) + safetySnapshotSeconds * 1_000 <= nowMs;
