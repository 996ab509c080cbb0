// Who calls the steps of all executions: so many at once, each with values of its own, as if a Lambda were invoked. Input
// and answer go through JSON, and a thrown error arrives in the form that Step Functions gives it, so that `Retry` and
// `Catch` mean the same on both sides. A call that was halted while it waited for its turn never begins.

import type { Step } from './workflow-definition.ts';
import { finalError } from './workflow-states.ts';

export interface Crew {
  call(step: Step, input: unknown, halted: () => boolean): Promise<unknown>;
  /** The calls that have not ended. None of these promises rejects. */
  readonly busy: ReadonlySet<Promise<void>>;
}

const HALTED = 'Handout.Halted';

/** Whether a state failed only because it was not to go on. */
export const isHalt = (error: unknown): boolean => error instanceof Error && error.name === HALTED;

export const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? 'null');

function asLambdaError(error: unknown): Error {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const cause = JSON.stringify({ errorType: name, errorMessage: message });
  return Object.assign(new Error(cause, { cause: error }), { name });
}

/** At most `limit` at once; the others in the order in which they came. */
function turnstile(limit: number): <T>(pass: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = limit;
  return async (pass) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    try {
      return await pass();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

export function openCrew(limit: number): Crew {
  const busy = new Set<Promise<void>>();
  const inTurn = turnstile(limit);

  const perform = async (step: Step, input: unknown) => {
    try {
      return asJson(await step(asJson(input) as Record<string, unknown>));
    } catch (error) {
      throw asLambdaError(error);
    }
  };

  return {
    busy,
    call(step, input, halted) {
      const answer = inTurn(async () => {
        if (halted()) throw finalError(HALTED, 'No further step begins');
        return perform(step, input);
      });
      const over = () => void busy.delete(end);
      const end: Promise<void> = answer.then(over, over);
      busy.add(end);
      return answer;
    },
  };
}
