// The steps of a workflow as Lambdas: the input of a state is the event, the answer its output, and an error's name is
// what Retry and Catch see.

import type { Ports } from '../core/ports.ts';
import type { Steps } from './steps.ts';

export type StepHandler = (input: unknown) => Promise<unknown>;

export const onLambda = (steps: Steps, ports: Ports): Readonly<Record<string, StepHandler>> =>
  Object.fromEntries(Object.entries(steps).map(([name, step]) => [name, (input) => step(ports, input)]));
