// Reclaims: mark what is reachable, condemn what is not, and delete what an earlier one condemned, once its grace is over.

import type { Digest } from '../ports.ts';

export const reclaimStatuses = ['queued', 'running', 'completed', 'failed'] as const;
export type ReclaimStatus = (typeof reclaimStatuses)[number];

/** Pages and blobs, counted; bytes are those of blobs, as everywhere in storage. */
export interface ReclaimCounts {
  /** What something holds. */
  readonly marked: number;
  /** What nothing holds, found by this reclaim first. */
  readonly condemned: number;
  readonly condemnedBytes: number;
  /** What an earlier one had condemned and is held again. */
  readonly rescued: number;
  /** What went; of a dry run, what would go. */
  readonly deleted: number;
  readonly bytes: number;
}

export interface Reclaim extends ReclaimCounts {
  readonly id: string;
  readonly status: ReclaimStatus;
  readonly dryRun: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly error?: string;
  /** How many chunks of deletions were planned; known once everything is marked. */
  readonly chunks?: number;
}

export const nothingReclaimed: ReclaimCounts = {
  marked: 0,
  condemned: 0,
  condemnedBytes: 0,
  rescued: 0,
  deleted: 0,
  bytes: 0,
};

/** A version of a blob, to be deleted. */
export interface DoomedBlob {
  readonly sha256: Digest;
  readonly version: string;
  readonly size: number;
  /** Since when (epoch ms) nothing has held it. */
  readonly condemnedAt: number;
  /** A second version of a blob that has another: two put it past a doomed one at once. */
  readonly spare?: true;
}

export interface DoomedPage {
  readonly hash: Digest;
  readonly condemnedAt: number;
}

/** Deletions that were decided, and, once they were carried out, which of them did not happen. This is their record. */
export interface Chunk {
  readonly pages: readonly DoomedPage[];
  readonly blobs: readonly DoomedBlob[];
  readonly done?: {
    readonly at: string;
    /** Stored again meanwhile, and so kept. */
    readonly rescued: readonly Digest[];
  };
}

/** So that a chunk fits a record. */
export const chunkSize = 1_000;

export const isOver = (status: ReclaimStatus): boolean => status === 'completed' || status === 'failed';
