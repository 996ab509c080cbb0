// A distribution, as accepted and as it goes: what was frozen, for whom, and how far it is.

import type { Digest } from '../ports.ts';
import type { DeliveryException } from '../tree/deliver.ts';
import type { Range } from './scope.ts';
import type { Counts, Strategies } from './strategy.ts';

export const distributionStatuses = [
  'queued',
  'running',
  'completed',
  'completed-with-errors',
  'failed',
  'cancelled',
] as const;
export type DistributionStatus = (typeof distributionStatuses)[number];

/** The tree of what was staged, and the part of a state that it speaks for. */
export interface Payload {
  readonly root: Digest;
  readonly scope: readonly Range[];
  readonly entries: number;
  readonly bytes: number;
}

export type Targets =
  | { readonly all: true }
  | { readonly instances: readonly string[] }
  | { readonly group: string };

export interface Distribution {
  readonly id: string;
  readonly kind: 'distribution' | 'recall' | 'undo';
  readonly status: DistributionStatus;
  /** The space whose instances receive. */
  readonly spaceId: string;
  /** The place among all that was accepted in the space; what comes later takes effect later. */
  readonly order: number;
  readonly source: { readonly instanceId: string; readonly version: number };
  readonly payload: Payload;
  readonly targets: Targets;
  readonly strategies: Strategies;
  readonly safetySnapshots: boolean;
  readonly message?: string | undefined;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly error?: string;
  /** Known once the targets are: how many there are, in how many batches. */
  readonly batches?: number;
  readonly targetCount?: number;
  /** The final counts; while it runs they are added up from the batches. */
  readonly totals?: Counts;
  readonly progress?: Progress;
}

export interface Progress {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

export type TargetStatus = 'pending' | 'done' | 'failed';

export interface TargetResult {
  readonly instanceId: string;
  readonly status: TargetStatus;
  readonly counts?: Counts;
  /** Names the report that lists the exceptions; targets that fared alike share one. */
  readonly report?: Digest;
  readonly error?: string;
}

/** Up to `batchSize` targets that one step handles; also the record of how far it is. */
export interface Batch {
  readonly targets: readonly TargetResult[];
}

export interface Report {
  readonly exceptions: readonly DeliveryException[];
}

export const batchSize = 500;
/** A report longer than this is kept in several records. */
export const exceptionsPerReport = 100;

export const isOver = (status: DistributionStatus): boolean => status !== 'queued' && status !== 'running';
