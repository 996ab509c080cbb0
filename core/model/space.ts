// Spaces, their people and their instances, as stored.

export const spaceKinds = ['course', 'research'] as const;
export type SpaceKind = (typeof spaceKinds)[number];

export interface Space {
  readonly id: string;
  readonly name: string;
  readonly kind: SpaceKind;
  readonly masterInstanceId: string;
  readonly distributedInstanceId: string | null;
  readonly createdAt: string;
  readonly createdBy: string;
  /** How long past states stay readable by time; the tenant's setting when left out. */
  readonly historySeconds?: number | undefined;
  /** Nothing from before this time is readable by time: a shorter window was in force then. */
  readonly historySince?: string;
  /** How long safety snapshots are kept; for ever when left out. */
  readonly safetySnapshotSeconds?: number | undefined;
  /** The most that the current state of each instance may hold. */
  readonly quotaBytes?: number | undefined;
  readonly deletedAt?: string;
}

export const spaceRoles = ['admin', 'grader', 'student', 'member'] as const;
export type SpaceRole = (typeof spaceRoles)[number];

export interface Member {
  readonly user: string;
  readonly role: SpaceRole;
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly group?: string | undefined;
  /** The instance the member works in: a student's own, or that of the group. */
  readonly instanceId?: string | undefined;
  /** A student's own instance, which waits while the student works in a group or is something else. */
  readonly ownInstanceId?: string | undefined;
  readonly addedAt: string;
  /** The request that brought the membership about as it is. */
  readonly cause?: string | undefined;
  /** Set once the member was removed: the instance stays, and waits for a return. */
  readonly removedAt?: string | undefined;
}

export const instanceKinds = ['master', 'distributed', 'student', 'group', 'project'] as const;
export type InstanceKind = (typeof instanceKinds)[number];

export interface Instance {
  readonly id: string;
  readonly spaceId: string;
  readonly kind: InstanceKind;
  readonly name: string;
  readonly description?: string | undefined;
  /** The student, or the name of the group. */
  readonly owner?: string | undefined;
  /** In place of the space's; null is no limit. */
  readonly quotaBytes?: number | null | undefined;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly deletedAt?: string | undefined;
}

export const instanceRoles = ['editor', 'viewer', 'observer'] as const;
export type InstanceRole = (typeof instanceRoles)[number];
