// Bad moments, sought out: content comes back while it is being deleted, a request takes its time while others reclaim, and
// nobody does anything for so long that everything goes that may.

import { setImmediate as turn } from 'node:timers/promises';
import { hour, minute, type Soak, settings } from './soak.ts';
import {
  committing,
  deleting,
  newText,
  saving,
  sendUpload,
  someChange,
  someWorkplace,
} from './soak-contents.ts';

const graceMs = settings.graceSeconds * 1_000;

/** What is not needed goes, and what is stays, however long nobody asked for it. */
export async function silence(soak: Soak): Promise<void> {
  const long = soak.chance.is(0.6);
  // A window that is nearly over holds what one that is over does not.
  const { windowMs } = soak.model;
  soak.pass(long ? windowMs + hour : windowMs - graceMs - 10 * minute);
  await soak.settle();
  await soak.reclaim();
  soak.pass(graceMs + 7 * minute);
  await soak.reclaim();
  soak.model.forget(soak.nowMs);
  await soak.checkNeeded();
}

/** Files are stored and deleted; when a reclaim is about to delete their bytes too, the same ones come again. */
export async function comeBack(soak: Soak): Promise<void> {
  const { chance, machine, model } = soak;
  const comings: (() => Promise<unknown>)[] = [];
  for (const { id } of chance.some(model.ofKind('master', 'student', 'group', 'project'), 4)) {
    const [path, text] = [`n${chance.below(12)}.txt`, newText()];
    if (chance.is(0.4)) {
      const upload = await sendUpload(soak, id, [{ path, parts: [text] }]);
      await soak.make(committing(soak, upload));
      comings.push(() => soak.make(committing(soak, upload)));
    } else {
      await soak.make(saving(soak, id, path, text));
      comings.push(() => soak.make(saving(soak, id, path, text)));
    }
    await soak.make(deleting(soak, id, path));
  }
  soak.pass(model.windowMs + minute);
  await soak.settle();
  await soak.reclaim();
  soak.pass(graceMs + 2 * minute);
  await soak.settle();
  const mostTurns = chance.pick([5, 50, 200]);
  const doom = chance.is(0.4) && machine.gate.nextDoom();
  const reclaiming = soak.reclaim(false);
  const coming = comings.map(async (come) => {
    if (doom) await Promise.race([doom, reclaiming]);
    else for (let turns = chance.below(mostTurns); turns > 0; turns--) await turn();
    await come();
  });
  await Promise.all([reclaiming, ...coming]);
  await soak.checkNeeded();
}

/** A request is held up somewhere between two writes while whole reclaims go by, in less than a grace. */
export async function slowWriter(soak: Soak): Promise<void> {
  const { chance, machine } = soak;
  await soak.settle();
  const pause = machine.gate.pauseAfter(chance.below(3));
  // What it refers to may end meanwhile.
  const slow = soak.make({ ...someChange(soak, someWorkplace(soak).id), mayRefuse: true });
  await Promise.race([pause.reached, slow]);
  machine.gate.heal(); // a change of few writes is over, and nobody else shall wait
  await soak.reclaim(false);
  soak.pass(graceMs / 2);
  await soak.reclaim(false);
  pause.release();
  await slow;
  await soak.checkNeeded();
}

/** Everything stops while an upload is committed. */
export async function cutOffCommit(soak: Soak): Promise<void> {
  const { chance, machine } = soak;
  const { id } = someWorkplace(soak);
  const upload = await sendUpload(soak, id, [{ path: 'n0.txt', parts: [newText(), newText()] }]);
  machine.gate.killAfter(chance.below(10));
  await soak.make(committing(soak, upload), true);
  await soak.restart();
  await soak.checkNeeded();
}

/** What was brought back and is deleted again has a whole grace once more. */
export async function deleteTwice(soak: Soak): Promise<void> {
  const { manager } = soak;
  const { id } = someWorkplace(soak);
  await soak.make(saving(soak, id, 'n0.txt', newText()));
  const taken = await manager.post(`/v1/instances/${id}/snapshots`, { name: 'Twice' });
  await soak.make(deleting(soak, id, 'n0.txt'));
  soak.pass(soak.model.windowMs + minute);
  const snapshots = `/v1/instances/${id}/snapshots`;
  const undelete = `/v1/instances/${id}/deleted-snapshots/${taken.body.id}/undelete`;
  const replies = [await manager.delete(`${snapshots}/${taken.body.id}`)];
  soak.pass(minute);
  await soak.reclaim();
  soak.pass(graceMs / 2);
  replies.push(await manager.post(undelete), await manager.delete(`${snapshots}/${taken.body.id}`));
  soak.pass(graceMs - 10 * minute);
  await soak.reclaim();
  replies.push(await manager.post(undelete));
  for (const { status, text } of replies) if (status >= 300) throw new Error(text);
  await soak.settle();
  await soak.checkNeeded();
}
