// What a space keeps and for how long: windows that change, snapshots and instances that are deleted and come back.

import { hour, minute, type Soak, settings } from './soak.ts';

type Act = (soak: Soak) => Promise<void>;

const graceMs = settings.graceSeconds * 1_000;

/** Whether something can still come back; undefined when it is too close to say. */
function isInGrace(deletedMs: number, nowMs: number): boolean | undefined {
  const leftMs = deletedMs + graceMs - nowMs;
  return Math.abs(leftMs) < minute ? undefined : leftMs > 0;
}

const changeWindow: Act = async (soak) => {
  const { chance, model, manager, space, nowMs } = soak;
  const historySeconds = chance.pick([2, 6, 6, 12]) * 3_600;
  const hours = chance.pick([1, 24, undefined]);
  const safetySnapshotSeconds = hours === undefined ? null : hours * 3_600;
  const body = { historySeconds, safetySnapshotSeconds };
  const { status, text } = await manager.send('PATCH', `/v1/spaces/${space}`, { json: body });
  if (status !== 200) throw new Error(text);
  soak.say(`window of ${historySeconds} s, safety snapshots for ${safetySnapshotSeconds} s`);
  model.changeWindow(historySeconds, nowMs);
  model.safetyMs = hours === undefined ? Number.POSITIVE_INFINITY : hours * hour;
};

const undeleteSnapshot: Act = async (soak) => {
  const { chance, model, manager, nowMs } = soak;
  const deleted = [...model.deletedSnapshots].filter(([, { instance }]) => model.instances.has(instance));
  if (deleted.length === 0) return;
  const [id, { instance, atMs }] = chance.pick(deleted);
  const reply = await manager.post(`/v1/instances/${instance}/deleted-snapshots/${id}/undelete`);
  soak.say(`undelete ${id} of ${instance}: ${reply.status}`);
  const inGrace = isInGrace(atMs, nowMs);
  if (inGrace !== undefined && reply.status !== (inGrace ? 200 : 410)) throw new Error(reply.text);
  await soak.observe(instance);
};

/** A project, or what a student has left. */
const deleteInstance: Act = async (soak) => {
  const { chance, model, manager, nowMs } = soak;
  const places = model.ofKind('project', 'student');
  if (places.length === 0) return;
  const { id, name } = chance.pick(places);
  const reply = await manager.delete(`/v1/instances/${id}?confirm=${encodeURIComponent(name)}`);
  soak.say(`delete instance ${id}: ${reply.status}`);
  if (reply.status === 409) return; // someone works in it
  if (reply.status !== 200) throw new Error(reply.text);
  model.deleteInstance(id, nowMs);
};

const undeleteInstance: Act = async (soak) => {
  const { chance, model, manager, space, nowMs } = soak;
  if (model.deletedInstances.size === 0) return;
  const [id, { atMs }] = chance.pick([...model.deletedInstances]);
  const reply = await manager.post(`/v1/spaces/${space}/deleted-instances/${id}/undelete`);
  soak.say(`undelete instance ${id}: ${reply.status}`);
  const inGrace = isInGrace(atMs, nowMs);
  if (inGrace !== undefined && reply.status !== (inGrace ? 200 : 410)) throw new Error(reply.text);
  if (reply.status !== 200) return;
  model.undeleteInstance(id);
  await soak.observe(id); // an undo may have reached it meanwhile
  if (reply.body.root !== model.head(id).root) throw new Error(`${id} came back as another.`);
};

const acts = { changeWindow, undeleteSnapshot, deleteInstance, undeleteInstance } as const;
const weights: Readonly<Record<keyof typeof acts, number>> = {
  changeWindow: 2,
  undeleteSnapshot: 10,
  deleteInstance: 6,
  undeleteInstance: 4,
};

export const someRetention: Act = (soak) => acts[soak.chance.weighted(weights)](soak);
