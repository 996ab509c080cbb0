// Hand-ins and captures, as stored, and the statement that a receipt signs.

import type { Digest } from '../ports.ts';

export interface SubmittedFile {
  readonly path: string;
  readonly size: number;
  /** Of the whole file where it has one part; else of each part. */
  readonly sha256?: Digest | undefined;
  readonly parts?: readonly Digest[];
}

export interface HandIn {
  readonly id: string;
  readonly kind: 'hand-in' | 'capture';
  readonly assignmentId: string;
  readonly spaceId: string;
  readonly instanceId: string;
  /** From 1; a capture has none. */
  readonly attempt: number | null;
  readonly at: string;
  /** The due date that was in force. */
  readonly dueAt: string;
  /** Seconds after it. */
  readonly late: number;
  readonly by: string;
  readonly note?: string | undefined;
  /** The whole state that was handed in. */
  readonly root: Digest;
  readonly version: number;
  readonly files: readonly SubmittedFile[];
  /** A capture takes a folder as it is: when that has more than the list may hold, the list is cut, the state is not. */
  readonly filesOmitted?: boolean;
  readonly receipt?: string;
}

/** The short form that lists are made of. */
export type HandInSummary = Pick<HandIn, 'id' | 'kind' | 'attempt' | 'at' | 'late' | 'by'>;

export const summaryOf = ({ id, kind, attempt, at, late, by }: HandIn): HandInSummary => ({
  id,
  kind,
  attempt,
  at,
  late,
  by,
});

/** A grade as given. */
export interface GradeRecord {
  readonly score: number;
  readonly outOf: number;
  readonly comment: string;
  readonly by: string;
  readonly at: string;
}

/** With the score after lateness, which follows from the dates in force and is worked out when it is asked for. */
export interface Grade extends GradeRecord {
  readonly final: number;
}

/** What graders wrote into a submission: a tree of its own, begun from the submitted files. */
export interface Feedback {
  readonly root: Digest;
  readonly by: string;
  readonly at: string;
}
