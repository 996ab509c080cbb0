// A snapshot is a named hold on a state: it can be viewed, restored, distributed from and deleted, never changed.

import type { State } from './journal.ts';

export interface Snapshot extends State {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** Taken by a person, or by the service before it changes an instance. */
  readonly kind: 'manual' | 'safety';
  /** The journal sequence whose state it holds. */
  readonly version: number;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly deletedAt?: string;
  /** Nobody deleted it: the space keeps safety snapshots no longer. */
  readonly expired?: true;
}
