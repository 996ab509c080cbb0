// Tells the event bus what happened. At least once: an event that is told again has the same id.

import type { Distribution } from '../model/distribution.ts';
import type { Ports } from '../ports.ts';
import { digestOf } from '../tree/digest.ts';

export const eventTypes = [
  'distribution.started',
  'distribution.target-failed',
  'distribution.completed',
] as const;
export type EventType = (typeof eventTypes)[number];

export async function publish(
  ports: Ports,
  type: EventType,
  { id, kind, spaceId, order, runs }: Distribution,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const data = { distributionId: id, kind, spaceId, order, ...more };
  const time = new Date(ports.now()).toISOString();
  await ports.events.publish([{ id: digestOf([type, runs, data]), type, time, data }]);
}
