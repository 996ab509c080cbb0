// The only reader of the environment. Everything else is given a checked `Config`.

import { z } from 'zod';

/** The names of the variables, for whoever deploys. */
export const env = {
  backend: 'HANDOUT_BACKEND',
  directory: 'HANDOUT_DIR',
  port: 'PORT',
  historySeconds: 'HANDOUT_HISTORY_SECONDS',
  graceSeconds: 'HANDOUT_GRACE_SECONDS',
} as const;

const day = 24 * 60 * 60;
const seconds = z.coerce.number().int().min(0);

const schema = z.object({
  [env.backend]: z.enum(['local']).default('local'),
  [env.directory]: z.string().min(1).default('.handout'),
  [env.port]: z.coerce.number().int().min(0).max(65_535).default(8_080),
  [env.historySeconds]: seconds.default(30 * day),
  [env.graceSeconds]: seconds.default(7 * day),
});

export interface Config {
  readonly backend: 'local';
  readonly directory: string;
  readonly port: number;
  readonly historySeconds: number;
  readonly graceSeconds: number;
}

/** Throws one error that names every variable that is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const known = Object.fromEntries(
    Object.values(env).flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
  );
  const parsed = schema.safeParse(known);
  if (!parsed.success) throw new Error(`The environment is not usable:\n${z.prettifyError(parsed.error)}`);
  const values = parsed.data;
  return {
    backend: values[env.backend],
    directory: values[env.directory],
    port: values[env.port],
    historySeconds: values[env.historySeconds],
    graceSeconds: values[env.graceSeconds],
  };
}
