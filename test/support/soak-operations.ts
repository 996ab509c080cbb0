// The next operation of a history: a change, some work of the course, an upload, a look, time that passes, a reclaim; and
// what comes at a bad moment: writers during a reclaim, calls that fail, a process that is killed.

import { setImmediate as turn } from 'node:timers/promises';
import { day, hour, minute, type Soak } from './soak.ts';
import { Reader } from './soak-check.ts';
import { someWork } from './soak-class.ts';
import { someChange, someState, someWorkplace, startUpload } from './soak-contents.ts';
import { comeBack, cutOffCommit, deleteTwice, silence, slowWriter } from './soak-moments.ts';
import { someRetention } from './soak-retention.ts';

type Operation = (soak: Soak) => Promise<void>;

const change: Operation = async (soak) => {
  await soak.make(someChange(soak, someWorkplace(soak).id));
};

const look: Operation = async (soak) => {
  const { chance, model, manager, nowMs } = soak;
  const workplace = chance.pick([...model.instances.values()]);
  const { state } = someState(chance, model, workplace, nowMs);
  const reader = new Reader(model, manager, 10);
  if (state.startsWith('at:')) return reader.time(workplace.id, Date.parse(state.slice(3)));
  const { root } = workplace.snapshots.get(state) ?? model.head(workplace.id);
  return reader.state(workplace.id, state, root);
};

const wait: Operation = async (soak) => {
  const long = soak.chance.weighted({ minutes: 10, hours: 10, window: 5, day: 3, week: 1 });
  const ms = { minutes: 20 * minute, hours: 2 * hour, window: 7 * hour, day, week: 8 * day };
  soak.pass(ms[long]);
  await soak.settle();
};

const reclaim: Operation = async (soak) => {
  await soak.reclaim();
  soak.model.forget(soak.nowMs);
  await soak.checkNeeded();
};

/** Changes of several instances, one after the other, and perhaps a distribution. */
async function writers(soak: Soak, broken: boolean): Promise<void> {
  const { chance, model, machine } = soak;
  const instances = chance.some(model.ofKind('master', 'student', 'group', 'project'), 6);
  for (const { id } of instances) {
    for (let i = chance.below(6); i > 0; i--) await turn();
    if (machine.gate.dead) return;
    await soak.make(someChange(soak, id), broken);
  }
}

const reclaimBesideWriters: Operation = async (soak) => {
  await soak.settle();
  await Promise.all([soak.reclaim(false), writers(soak, false)]);
  await soak.observe();
  await soak.checkNeeded();
};

/** A call of storage fails in the midst of a change, or does what it should and does not say so. */
const faultyChange: Operation = async (soak) => {
  const { chance, machine } = soak;
  machine.gate.failAfter(1 + chance.below(5), chance.is(0.5));
  await soak.make(someChange(soak, someWorkplace(soak).id), true);
  machine.gate.heal();
};

/** Everything stops somewhere in a change, in work of the course, or in a reclaim beside writers; then it goes on. */
const crash: Operation = async (soak) => {
  const { chance, machine } = soak;
  const during = chance.pick(['change', 'work', 'reclaim', 'reclaim']);
  soak.say(`crash during ${during}`);
  await soak.settle();
  machine.gate.killAfter(chance.below(during === 'reclaim' ? 80 : 20));
  const doing =
    during === 'work' ? someWork(soak) : during === 'change' ? writers(soak, true) : reclaimed(soak);
  await doing.catch((error: unknown) => {
    if (!machine.gate.dead) throw error;
  });
  await soak.restart();
  await soak.checkNeeded();
};

const reclaimed = async (soak: Soak): Promise<void> => {
  const both = await Promise.allSettled([soak.reclaim(false), writers(soak, true)]);
  for (const one of both) if (one.status === 'rejected') throw one.reason;
};

const operations = {
  change,
  work: someWork,
  startUpload,
  look,
  wait,
  reclaim,
  reclaimBesideWriters,
  faultyChange,
  crash,
  silence,
  comeBack,
  slowWriter,
  cutOffCommit,
  deleteTwice,
  retain: someRetention,
};
const weights: Readonly<Record<keyof typeof operations, number>> = {
  change: 600,
  work: 150,
  startUpload: 50,
  look: 60,
  wait: 20,
  reclaim: 10,
  reclaimBesideWriters: 10,
  faultyChange: 20,
  crash: 6,
  silence: 6,
  comeBack: 10,
  slowWriter: 6,
  cutOffCommit: 3,
  deleteTwice: 3,
  retain: 40,
};

/** The next operation; answers which one it was. */
export async function operate(soak: Soak): Promise<keyof typeof operations> {
  const { chance } = soak;
  soak.operations++;
  soak.pass(chance.below(2 * minute));
  const name = chance.weighted(weights);
  await operations[name](soak);
  return name;
}
