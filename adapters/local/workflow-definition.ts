// Workflows as they are handed to the one-machine runner: a text in the Amazon States Language, and the functions that
// its Task states name as `${step}` (CDK puts a Lambda's address there). Checked when they are loaded, so that a text
// that AWS would run otherwise than the runner is refused and never half understood. Whether a text is valid ASL at all
// is for the tests to say (`asl-validator`, about 0.2 s a text): only what would strand an execution is looked at here.

/** What a Task state does: the body of its Lambda. It may run more than once for one state, so it is idempotent. */
export type Step = (input: Record<string, unknown>) => Promise<unknown>;

export interface StateJson {
  readonly Type: string;
  readonly [field: string]: unknown;
}

/** Loose on purpose: an imported `*.asl.json` fits. */
export interface MachineJson {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, StateJson>>;
  readonly [field: string]: unknown;
}

export interface WorkflowDefinition {
  readonly asl: MachineJson;
  /** By the name in the Task's Resource. */
  readonly steps: Readonly<Record<string, Step>>;
}

export interface FoundState {
  readonly name: string;
  readonly state: StateJson;
  /** The machine that it belongs to: the workflow itself, what a Map does for each item, or a branch of a Parallel. */
  readonly machine: MachineJson;
}

/** Every state of the text, those inside Map and Parallel states as well. */
export function* everyState(machine: MachineJson): Generator<FoundState> {
  for (const [name, state] of Object.entries(machine.States)) {
    yield { name, state, machine };
    const inner = [state.ItemProcessor, state.Iterator, ...((state.Branches as unknown[]) ?? [])];
    for (const nested of inner) if (nested !== undefined) yield* everyState(nested as MachineJson);
  }
}

/** `${assign}` names the step `assign`. */
export const stepName = (resource: unknown): string | undefined =>
  typeof resource === 'string' ? /^\$\{(\w+)\}$/.exec(resource)?.[1] : undefined;

const stateTypes = ['Task', 'Map', 'Parallel', 'Choice', 'Wait', 'Pass', 'Succeed', 'Fail'];
const lastTypes = ['Choice', 'Succeed', 'Fail'];

/** What `aws-local-stepfunctions` 3.0.0 accepts and passes over. */
const ignored = [
  ...['Assign', 'Arguments', 'Output', 'Items', 'ItemReader', 'ItemBatcher', 'ResultWriter'],
  ...['ToleratedFailureCount', 'ToleratedFailureCountPath'],
  ...['ToleratedFailurePercentage', 'ToleratedFailurePercentagePath'],
];

/** The names of the states that may come next. */
function targets(state: StateJson): unknown[] {
  const rules = [...((state.Choices as StateJson[]) ?? []), ...((state.Catch as StateJson[]) ?? [])];
  return [state.Next, state.Default, ...rules.map((rule) => rule.Next)].filter((name) => name !== undefined);
}

function* faultsOfState(
  { state, machine }: FoundState,
  { asl, steps }: WorkflowDefinition,
): Generator<string> {
  const { Type: type } = state;
  if (!stateTypes.includes(type)) yield `its type '${type}' is unknown`;
  if (!lastTypes.includes(type) && state.Next === undefined && state.End !== true) yield 'it leads nowhere';
  for (const name of targets(state)) {
    if (!Object.hasOwn(machine.States, String(name))) yield `it leads to '${name}', which is not there`;
  }
  if (type === 'Task') {
    const step = stepName(state.Resource);
    if (step === undefined) yield `its Resource is not of the form \${step}`;
    else if (!Object.hasOwn(steps, step)) yield `nobody handed in the step '${step}'`;
  }
  if (type === 'Wait' && machine !== asl) yield 'a Wait is durable at the top level only';
  if (type === 'Wait' && state.InputPath !== undefined) yield 'a Wait takes no InputPath here';
  if (type === 'Pass' && 'Result' in state && !state.Result) yield 'an empty Result would be passed over';
  if (/"Is[A-Z]\w+":false/.test(JSON.stringify(state.Choices ?? [])))
    yield 'a test for false never holds here: put the test for true inside Not';
  if ((state.QueryLanguage ?? 'JSONPath') !== 'JSONPath') yield 'only JSONPath is spoken here';
  for (const field of ignored) if (field in state) yield `${field} would be passed over`;
  if (/"Mode":"DISTRIBUTED"/.test(JSON.stringify(state.ItemProcessor ?? {}))) yield 'a Map is inline here';
}

function* faultsOf(definition: WorkflowDefinition): Generator<string> {
  const { asl } = definition;
  if ('TimeoutSeconds' in asl) yield 'a time limit for the whole would be passed over';
  if ((asl.QueryLanguage ?? 'JSONPath') !== 'JSONPath') yield 'only JSONPath is spoken here';
  const seen = new Set<string>();
  const machines = new Set<MachineJson>([asl]);
  for (const found of everyState(asl)) {
    machines.add(found.machine);
    if (seen.has(found.name)) yield `'${found.name}': another state has this name`;
    seen.add(found.name);
    for (const fault of faultsOfState(found, definition)) yield `'${found.name}': ${fault}`;
  }
  for (const { StartAt, States } of machines) {
    if (!Object.hasOwn(States, StartAt)) yield `it starts at '${StartAt}', which is not there`;
  }
}

/** Throws an error that lists everything that keeps the workflow from running here. */
export function checkDefinition(workflow: string, definition: WorkflowDefinition): void {
  const faults = [...faultsOf(definition)];
  if (faults.length === 0) return;
  throw new Error(`The workflow '${workflow}' cannot run on one machine:\n- ${faults.join('\n- ')}`);
}
