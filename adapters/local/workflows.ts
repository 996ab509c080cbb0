// Long work on one machine: runs the workflows' ASL texts in this process, and survives being killed at any point. The
// stored execution is the truth: it says which state was entered with which input, and is written before the state does
// anything. A boot and an alarm therefore do the same: they read it and go on from there. The state that a kill
// interrupts runs again (a Map as a whole), so steps are idempotent; how often it was retried is forgotten.
// An execution that waits costs one alarm. One process at a time may run the executions of a store.

import { setImmediate } from 'node:timers/promises';
import { ExecutionAbortedError, ExecutionError } from 'aws-local-stepfunctions';
import { invariant } from '../../core/errors.ts';
import type { Workflows } from '../../core/ports.ts';
import { type Alarms, openAlarms } from './alarms.ts';
import {
  type Checkpoint,
  type Ending,
  type Execution,
  type ExecutionKey,
  type ExecutionStore,
  keyText,
} from './execution-store.ts';
import { asJson, type Crew, isHalt, openCrew } from './step-crew.ts';
import type { WorkflowDefinition } from './workflow-definition.ts';
import { type ExecutionContext, type LoadedWorkflow, loadWorkflow } from './workflow-states.ts';

export type { Step, WorkflowDefinition } from './workflow-definition.ts';

export interface LocalWorkflows extends Workflows, AsyncDisposable {
  /** Goes on with everything unfinished: once, at boot. */
  resume(): Promise<void>;
  /** Looks at the clock now: waits that are over by it end. */
  wake(): void;
  /** Resolves when nothing runs: every execution has ended or waits. */
  idle(): Promise<void>;
  /** Begins no further step and lets those under way end; what is unfinished goes on at the next boot. */
  close(): Promise<void>;
}

export interface Options {
  readonly executions: ExecutionStore;
  readonly definitions: Readonly<Record<string, WorkflowDefinition>>;
  readonly now: () => number;
  /** Hears of faults of the store; the execution is tried again in a minute. */
  readonly onFault?: (fault: unknown) => void;
}

interface Runner extends Required<Omit<Options, 'definitions'>> {
  readonly workflows: ReadonlyMap<string, LoadedWorkflow>;
  readonly alarms: Alarms;
  readonly crew: Crew;
  /** The executions that do not wait, and how to halt them. */
  readonly driven: Map<string, { readonly halt: AbortController; readonly done: Promise<void> }>;
  closing: boolean;
}

const STEPS_AT_ONCE = 64;
const FAULT_PAUSE_MS = 60_000;

const contextOf = ({ workflow, id, input, startedAt }: Execution): ExecutionContext => ({
  Id: `local:${workflow}:${id}`,
  Name: id,
  Input: input,
  StartTime: new Date(startedAt).toISOString(),
});

/** How the execution ends with this error; undefined when it was only halted. */
function failure(error: unknown, endedAt: number): Ending | undefined {
  const cause = error instanceof ExecutionError ? error.cause : error;
  if (error instanceof ExecutionAbortedError || isHalt(cause)) return undefined;
  const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
  return { status: 'failed', endedAt, failure: { error: name, cause: message } };
}

/**
 * Runs the state at a checkpoint, and answers what comes then: the next checkpoint, the ending, or nothing when it was
 * halted. A Wait comes twice: without its due time, to learn it, and with it, to pass.
 */
async function follow(
  runner: Runner,
  execution: Execution,
  at: Checkpoint,
  halt: AbortSignal,
): Promise<Checkpoint | Ending | undefined> {
  const { now, crew, workflows } = runner;
  const workflow = workflows.get(execution.workflow);
  if (!workflow?.has(at.state))
    throw new Error(`The workflow '${execution.workflow}' has no state '${at.state}'`);
  let over = false;
  const halted = () => over || halt.aborted || runner.closing;
  const run = workflow.run(at, contextOf(execution), (step, input) => crew.call(step, input, halted));
  halt.addEventListener('abort', run.abort, { once: true });
  try {
    const { next, output, due } = await run.result;
    if (due !== undefined && at.due === undefined) return { ...at, due };
    if (next === undefined) return { status: 'succeeded', endedAt: now() };
    return { state: next, input: output, enteredAt: now() };
  } catch (error) {
    return failure(error, now());
  } finally {
    over = true;
    halt.removeEventListener('abort', run.abort);
  }
}

/** Goes on from where the execution was left until it ends, waits or is halted. Answers the due time if it waits. */
async function drive(runner: Runner, key: ExecutionKey, halt: AbortSignal): Promise<number | undefined> {
  const { executions, now } = runner;
  const execution = executions.get(key);
  if (execution?.status !== 'running') return undefined;
  for (let at = execution.checkpoint; ; ) {
    await setImmediate(); // others get their turn between two states
    if (halt.aborted || runner.closing) return undefined;
    if (at.due !== undefined && at.due > now()) return at.due;
    const then = await follow(runner, execution, at, halt);
    if (!then) return undefined;
    if ('status' in then) executions.end(key, then);
    if ('status' in then || !executions.reach(key, then)) return undefined;
    at = then;
  }
}

function launch(runner: Runner, key: ExecutionKey): void {
  const name = keyText(key);
  if (runner.closing || runner.driven.has(name)) return;
  const halt = new AbortController();
  const done = drive(runner, key, halt.signal)
    .catch((fault) => {
      runner.onFault(fault);
      return runner.now() + FAULT_PAUSE_MS;
    })
    .then((due) => {
      runner.driven.delete(name);
      if (due !== undefined) runner.alarms.set(name, due, () => launch(runner, key));
    });
  runner.driven.set(name, { halt, done });
}

async function idle({ driven, crew }: Runner): Promise<void> {
  while (driven.size + crew.busy.size > 0) {
    await Promise.all([...driven.values().map(({ done }) => done), ...crew.busy]);
  }
}

async function close(runner: Runner): Promise<void> {
  runner.closing = true;
  runner.alarms.close();
  while (runner.crew.busy.size > 0) await Promise.all(runner.crew.busy);
  await setImmediate(); // the states whose last step has ended are written down
  for (const { halt } of runner.driven.values()) halt.abort(); // what is left pauses before a retry
  await idle(runner);
}

/** Throws when a definition cannot be run here. */
export function openWorkflows({
  executions,
  definitions,
  now,
  onFault = console.error,
}: Options): LocalWorkflows {
  const workflows = new Map<string, LoadedWorkflow>();
  for (const [name, text] of Object.entries(definitions)) workflows.set(name, loadWorkflow(name, text));
  const alarms = openAlarms(now);
  const crew = openCrew(STEPS_AT_ONCE);
  const driven: Runner['driven'] = new Map();
  const runner: Runner = { executions, now, onFault, workflows, alarms, crew, driven, closing: false };
  return {
    async start(workflow, id, values) {
      const key = { workflow, id };
      const text = workflows.get(workflow);
      invariant(text, `there is a workflow '${workflow}'`);
      const input = asJson(values);
      const startedAt = now();
      const checkpoint = { state: text.startAt, input, enteredAt: startedAt };
      if (executions.add({ ...key, status: 'running', input, startedAt, checkpoint })) launch(runner, key);
    },
    async stop(workflow, id) {
      const key = { workflow, id };
      executions.end(key, { status: 'stopped', endedAt: now() });
      alarms.clear(keyText(key));
      driven.get(keyText(key))?.halt.abort();
    },
    status: async (workflow, id) => executions.get({ workflow, id })?.status,
    async resume() {
      for (const key of executions.unfinished()) launch(runner, key);
    },
    wake: alarms.wake,
    idle: () => idle(runner),
    close: () => close(runner),
    [Symbol.asyncDispose]: () => close(runner),
  };
}
