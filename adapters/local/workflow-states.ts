// The top-level states of a workflow, each made a machine of its own for `aws-local-stepfunctions`: the state as it is
// written, and in place of all others a handler that only says "here you would be next". So the runner gets the
// execution back between two states, to write down where it is; the library's events come too late for that (a task has
// begun when its StateEntered is heard). All inside one state - Map, Parallel, Retry, Catch - stays the library's.
// Three things differ from the text: a Wait only answers when it is due, for the library would cut long ones short; a
// Task may take as long as a Lambda, not a minute; and `$$.Execution` is ours, for the library begins it anew each run.

import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions';
import type { Checkpoint } from './execution-store.ts';
import {
  checkDefinition,
  everyState,
  type MachineJson,
  type StateJson,
  type Step,
  stepName,
  type WorkflowDefinition,
} from './workflow-definition.ts';

/** What `$$.Execution` says in the text: the same before and after a restart. */
export interface ExecutionContext {
  readonly Id: string;
  readonly Name: string;
  readonly Input: unknown;
  readonly StartTime: string;
}

/** How a state was left. */
export interface Passage {
  /** Undefined at the end of the workflow. */
  readonly next?: string;
  readonly output: unknown;
  /** Of a Wait state: when it ends. To wait until then is up to the caller. */
  readonly due: number | undefined;
}

type Handler = (input: unknown) => Promise<unknown>;

export interface StateRun {
  /** Ends the run at once; a step under way goes on, and its answer is dropped. */
  abort(): void;
  readonly result: Promise<Passage>;
}

export interface LoadedWorkflow {
  readonly startAt: string;
  has(state: string): boolean;
  /** Runs one top-level state; `call` does what each Task in it asks for. */
  run(
    at: Checkpoint,
    context: ExecutionContext,
    call: (step: Step, input: unknown) => Promise<unknown>,
  ): StateRun;
}

// Names that no text uses.
const HERE = '\0here';
const END = '\0end';

const LAMBDA_TIMEOUT_SECONDS = 900;

/** An error that no Retry and no Catch of the text gets hold of. */
export const finalError = (name: string, message: string): Error =>
  Object.assign(new Error(message), { name, isRetryable: false, isCatchable: false });

function withTimeout(state: StateJson): StateJson {
  if (state.Type !== 'Task' || !('Resource' in state) || 'TimeoutSecondsPath' in state) return state;
  const asked = Number(state.TimeoutSeconds ?? LAMBDA_TIMEOUT_SECONDS);
  return { ...state, TimeoutSeconds: Math.min(asked, LAMBDA_TIMEOUT_SECONDS) };
}

/** The text with `$$.Execution` and the time limits of tasks put right, at every depth. */
const prepare = (asl: MachineJson): MachineJson =>
  JSON.parse(
    JSON.stringify(asl).replaceAll('$$.Execution', () => '$$.Run'),
    (_key, value) => (typeof value?.Type === 'string' ? withTimeout(value) : value),
  );

/** A Wait as a Task that is told how long, and leaves the input as it is. */
function asTask(state: StateJson): StateJson {
  const times = Object.entries(state).filter(([field]) => /^(Seconds|Timestamp)(Path)?$/.test(field));
  const Parameters = Object.fromEntries(times.map(([field, value]) => [field.replace('Path', '.$'), value]));
  return { ...state, Type: 'Task', Resource: '', Parameters, ResultPath: null };
}

/** The state in a machine in which all others only report that they were reached. */
function alone(state: StateJson, others: Readonly<Record<string, unknown>>): StateMachine {
  const { End, ...onward } = state;
  if (End === true || state.Type === 'Succeed') Object.assign(onward, { Next: END });
  if (state.Type === 'Succeed') Object.assign(onward, { Type: 'Pass' });
  const only = state.Type === 'Wait' ? asTask(onward as StateJson) : onward;
  const machine = { StartAt: HERE, States: { ...others, [HERE]: only } };
  return new StateMachine(machine as unknown as StateMachineDefinition, {
    validationOptions: { noValidate: true },
  });
}

/** When the wait ends that was begun at `enteredAt`. */
function dueOf({ Seconds, Timestamp }: Record<string, unknown>, enteredAt: number): number {
  if (Number.isSafeInteger(Seconds) && Number(Seconds) >= 0) return enteredAt + Number(Seconds) * 1000;
  const time = /T.*(Z|[+-]\d\d:\d\d)$/.test(String(Timestamp)) ? Date.parse(String(Timestamp)) : Number.NaN;
  if (Number.isFinite(time)) return time;
  throw finalError('States.Runtime', `Cannot wait for ${JSON.stringify({ Seconds, Timestamp })}`);
}

export function loadWorkflow(workflow: string, definition: WorkflowDefinition): LoadedWorkflow {
  checkDefinition(workflow, definition);
  const asl = prepare(definition.asl);
  const arrivals: Record<string, Handler> = { [END]: async (output) => ({ output }) };
  for (const next of Object.keys(asl.States)) arrivals[next] = async (output) => ({ next, output });
  const others = Object.fromEntries(
    Object.keys(arrivals).map((name) => [name, { Type: 'Task', Resource: '', End: true }]),
  );
  const machines = new Map(Object.entries(asl.States).map(([name, state]) => [name, alone(state, others)]));
  const tasks = [...everyState(asl)]
    .filter(({ state }) => state.Type === 'Task')
    .map(({ name, state }) => ({ name, step: definition.steps[stepName(state.Resource)!]! }));

  return {
    startAt: asl.StartAt,
    has: (state) => machines.has(state),
    run({ state, input, enteredAt }, context, call) {
      const handlers: Record<string, Handler> = {};
      for (const { name, step } of tasks) handlers[name] = (taskInput) => call(step, taskInput);
      let due: number | undefined;
      const wait: Handler = async (times) => {
        due = dueOf(times as Record<string, unknown>, enteredAt);
      };
      const here = asl.States[state]?.Type === 'Wait' ? wait : handlers[state];
      Object.assign(handlers, arrivals, here && { [HERE]: here });
      const options = { overrides: { taskResourceLocalHandlers: handlers }, context: { Run: context } };
      const { abort, result } = machines.get(state)!.run(input as never, options as never);
      return { abort, result: result.then((left) => ({ ...(left as unknown as Passage), due })) };
    },
  };
}
