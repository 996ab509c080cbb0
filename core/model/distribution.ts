// Distributions, recalls and undos: what was accepted, for whom, and how far it is. All three queue up in one order per
// space and reach their targets by the same steps; they differ in what they do to a target.

import type { Digest } from '../ports.ts';
import type { DeliveryException } from '../tree/delivery.ts';
import type { Range, Selector } from './scope.ts';
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

export const recallAudiences = ['students', 'others', 'all'] as const;
export type RecallAudience = (typeof recallAudiences)[number];

/** What is done to each target. */
export type Task =
  | {
      readonly kind: 'distribution';
      readonly source: { readonly instanceId: string; readonly version: number };
      readonly payload: Payload;
      readonly targets: Targets;
      readonly strategies: Strategies;
      /** The plan it follows: a target that moved since is not touched. */
      readonly plan?: string;
    }
  | {
      readonly kind: 'recall';
      readonly items: readonly Selector[];
      readonly scope: readonly Range[];
      readonly from: RecallAudience;
    }
  | { readonly kind: 'undo'; readonly undoes: string };

interface Common {
  readonly id: string;
  readonly status: DistributionStatus;
  /** The space whose instances receive. */
  readonly spaceId: string;
  /** The place among all that was accepted in the space; what comes later takes effect later. */
  readonly order: number;
  readonly safetySnapshots: boolean;
  readonly message?: string | undefined;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly error?: string;
  /** How often it was run: once, and once more for each retry. */
  readonly runs: number;
  /** No further target is begun. */
  readonly cancelling?: boolean;
  /** Known once the targets are: how many there are, in how many batches. */
  readonly batches?: number;
  readonly targetCount?: number;
  /** The final counts; while it runs they are added up from the batches. */
  readonly totals?: Counts;
  readonly progress?: Progress;
}

export type Distribution = Common & Task;

/** What is accepted, before it has its place in the order. */
export type Accepted = Omit<Common, 'order'> & Task;

export interface Progress {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
}

export const targetStatuses = ['pending', 'done', 'failed'] as const;
export type TargetStatus = (typeof targetStatuses)[number];

export interface TargetResult {
  readonly instanceId: string;
  readonly status: TargetStatus;
  /** Names the report with counts and exceptions; targets that fared alike share one. */
  readonly report?: Digest;
  readonly error?: string;
  /** It was not touched because it changed since the plan: an outcome, nothing that was missed. */
  readonly moved?: true;
  /** In a plan: the state it was made for. */
  readonly planned?: { readonly root: Digest; readonly delivered: Digest };
}

/** Up to `batchSize` targets that one step handles; also the record of how far it is. */
export interface Batch {
  readonly targets: readonly TargetResult[];
}

/** The results of a batch, added up. */
export interface Tally {
  readonly done: number;
  readonly failed: number;
  readonly totals: Counts;
}

export interface Report {
  readonly counts: Counts;
  /** How many parts the report has. */
  readonly parts: number;
  readonly exceptions: readonly DeliveryException[];
}

export const batchSize = 500;
/** A report longer than this is kept in several parts. */
export const exceptionsPerReport = 100;

export const isOver = (status: DistributionStatus): boolean => status !== 'queued' && status !== 'running';

/** A plan is kept like a distribution that never ran: what it would do, target by target. */
export interface Plan {
  readonly id: string;
  readonly spaceId: string;
  readonly task: Extract<Task, { kind: 'distribution' }>;
  readonly batches: number;
  readonly totals: Counts;
  readonly createdAt: string;
  readonly createdBy: string;
}
