// What each function works on, and no more: the one place from which permissions are granted. `test/stacks.test.ts` reads
// the functions' code and fails when a line here says too little or too much.

import type { routes } from '../functions/routes.ts';
import type { workflows } from '../workflows/definitions.ts';

export interface Needs {
  readonly records: 'read' | 'write';
  /** Writing includes reading. Marking is reading, listing and condemning; sweeping deletes, in the role that alone may. */
  readonly pages?: 'read' | 'write' | 'mark' | 'sweep';
  readonly blobs?: 'read' | 'write' | 'mark' | 'sweep';
  /** Takes uploads in: signs their URLs, makes blobs of them, clears them away. */
  readonly uploads?: true;
  /** Signs URLs for files of several blobs, which are put together for that. */
  readonly downloads?: true;
  /** Tells the bus what happened. */
  readonly events?: true;
  /** Signs receipts. */
  readonly receipts?: true;
  /** The workflows it may start. */
  readonly starts?: readonly WorkflowName[];
  /** The workflows of which it may ask how an execution goes. */
  readonly follows?: readonly WorkflowName[];
}

export type Context = keyof typeof routes;
export type WorkflowName = keyof typeof workflows;

/** The functions of the HTTP API. */
export const contextNeeds: Readonly<Record<Context, Needs>> = {
  service: { records: 'read' },
  spaces: { records: 'write', pages: 'write', starts: ['assignment'] },
  content: { records: 'write', pages: 'write', blobs: 'write', uploads: true, downloads: true },
  snapshots: { records: 'write', pages: 'write' },
  storage: { records: 'write', pages: 'read', starts: ['reclaim'] },
  distributions: { records: 'write', pages: 'write', starts: ['distribute'] },
  assignments: {
    records: 'write',
    pages: 'write',
    blobs: 'write',
    downloads: true,
    events: true,
    receipts: true,
    starts: ['assignment'],
  },
};

/** The steps of workflows. */
export const stepNeeds: Readonly<Record<WorkflowName, Readonly<Record<string, Needs>>>> = {
  assignment: {
    assignmentLook: { records: 'write', pages: 'write', events: true, starts: ['distribute'] },
  },
  distribute: {
    distributePrepare: { records: 'write', pages: 'write', events: true },
    distributeBatch: { records: 'write', pages: 'write' },
    distributeFailBatch: { records: 'write' },
    distributeFinish: { records: 'write', events: true, starts: ['distribute'] },
    distributeGiveUp: { records: 'write', events: true, starts: ['distribute'] },
  },
  fsck: {
    fsckList: { records: 'read' },
    fsckCheck: { records: 'read', pages: 'read', blobs: 'read', events: true },
    fsckConclude: { records: 'read' },
  },
  reclaim: {
    reclaimExpire: { records: 'write', uploads: true },
    reclaimMark: { records: 'write', pages: 'mark', blobs: 'mark' },
    reclaimSweep: { records: 'write', pages: 'sweep', blobs: 'sweep' },
    reclaimFinish: { records: 'write', events: true },
    reclaimGiveUp: { records: 'write', events: true },
  },
};

/** Starts what was accepted and does not run, of any kind, and what the clock asks for. */
export const clockNeeds: Needs = {
  records: 'write',
  starts: ['assignment', 'distribute', 'fsck', 'reclaim'],
  follows: ['assignment', 'distribute'],
};
