// Tells the event bus what happened. At least once: an event that is told again has the same id.

import type { Distribution } from '../model/distribution.ts';
import type { Ports } from '../ports.ts';
import { digestOf } from '../tree/digest.ts';

export const eventTypes = [
  'assignment.opened',
  'assignment.due-soon',
  'hand-in.received',
  'hand-in.captured',
  'feedback.released',
  'distribution.started',
  'distribution.target-failed',
  'distribution.completed',
  'reclaim.completed',
  'reclaim.failed',
  'storage.damaged',
] as const;
export type EventType = (typeof eventTypes)[number];

/**
 * Publishes one event; what makes it the same event again is its type, its data and `occurrence`. A bus that is down holds
 * up nothing: the failure is logged, and what happened stays to be seen in the journals.
 */
export async function publish(
  ports: Ports,
  type: EventType,
  data: Readonly<Record<string, unknown>>,
  occurrence: unknown = null,
): Promise<void> {
  const time = new Date(ports.now()).toISOString();
  const event = { id: digestOf([type, occurrence, data]), type, time, data };
  await ports.events
    .publish([event])
    .catch((error: unknown) => console.error('not published', event.id, type, error));
}

/** An event of a distribution: another run of it is another occurrence. */
export const publishDistribution = (
  ports: Ports,
  type: EventType,
  { id, kind, spaceId, order, runs }: Distribution,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> => publish(ports, type, { distributionId: id, kind, spaceId, order, ...more }, runs);
