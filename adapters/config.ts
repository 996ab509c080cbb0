// The only reader of the environment. Everything else is given a checked `Config`.

import * as z from 'zod';

/** The names of the variables, for whoever deploys. */
export const env = {
  backend: 'HANDOUT_BACKEND',
  directory: 'HANDOUT_DIR',
  port: 'PORT',
  historySeconds: 'HANDOUT_HISTORY_SECONDS',
  graceSeconds: 'HANDOUT_GRACE_SECONDS',
  region: 'AWS_REGION',
  recordsTable: 'HANDOUT_RECORDS_TABLE',
  pagesTable: 'HANDOUT_PAGES_TABLE',
  bucket: 'HANDOUT_BUCKET',
  stateMachines: 'HANDOUT_STATE_MACHINES',
  eventBus: 'HANDOUT_EVENT_BUS',
  receiptsKey: 'HANDOUT_RECEIPTS_KEY',
  dynamodbEndpoint: 'AWS_ENDPOINT_URL_DYNAMODB',
  s3Endpoint: 'AWS_ENDPOINT_URL_S3',
} as const;

const day = 24 * 60 * 60;
const seconds = z.coerce.number().int().min(0);
const name = z.string().min(1);

const common = {
  [env.directory]: name.default('.handout'),
  [env.port]: z.coerce.number().int().min(0).max(65_535).default(8_080),
  [env.historySeconds]: seconds.default(30 * day),
  [env.graceSeconds]: seconds.default(7 * day),
};

const aws = z
  .object({
    ...common,
    [env.backend]: z.literal('aws'),
    [env.region]: name,
    [env.recordsTable]: name,
    [env.pagesTable]: name,
    [env.bucket]: name,
    [env.stateMachines]: z
      .string()
      .regex(
        /^arn:[\w-]+:states:[\w-]+:\d+:stateMachine:/,
        'is not what the ARN of a state machine begins with',
      )
      .optional(),
    [env.eventBus]: name.optional(),
    [env.receiptsKey]: name.optional(),
    [env.dynamodbEndpoint]: z.url().optional(),
    [env.s3Endpoint]: z.url().optional(),
  })
  .refine((values) => !values[env.dynamodbEndpoint] === !values[env.s3Endpoint], {
    error: `${env.dynamodbEndpoint} and ${env.s3Endpoint} are set both or neither: one tenant's data lives on one side`,
  });

const schema = z.discriminatedUnion(env.backend, [
  z.object({ ...common, [env.backend]: z.literal('local') }),
  aws,
]);

/** Where things are on AWS, or on a server that takes its place. */
export interface AwsConfig {
  readonly region: string;
  readonly recordsTable: string;
  readonly pagesTable: string;
  readonly bucket: string;
  /** What the ARNs of all state machines begin with; the workflows run in this process when it is left out. */
  readonly stateMachines?: string;
  /** The bus that hears of events; this machine keeps them when it is left out. */
  readonly eventBus?: string;
  /** The KMS key that signs receipts; a key of this machine signs when it is left out. */
  readonly receiptsKey?: string;
  /** Of servers that take the place of AWS. */
  readonly endpoints?: { readonly dynamodb: string; readonly s3: string };
}

interface CommonConfig {
  /** Where this machine keeps what it keeps: everything, or only what AWS does not. */
  readonly directory: string;
  readonly port: number;
  readonly historySeconds: number;
  readonly graceSeconds: number;
}

export type Config = CommonConfig &
  ({ readonly backend: 'local' } | { readonly backend: 'aws'; readonly aws: AwsConfig });

/** Throws one error that names every variable that is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const known = Object.fromEntries(
    Object.values(env).flatMap((key) => (environment[key] ? [[key, environment[key]]] : [])),
  );
  const parsed = schema.safeParse({ [env.backend]: 'local', ...known });
  if (!parsed.success) throw new Error(`The environment is not usable:\n${z.prettifyError(parsed.error)}`);
  const values = parsed.data;
  const shared: CommonConfig = {
    directory: values[env.directory],
    port: values[env.port],
    historySeconds: values[env.historySeconds],
    graceSeconds: values[env.graceSeconds],
  };
  return values[env.backend] === 'local'
    ? { ...shared, backend: 'local' }
    : { ...shared, backend: 'aws', aws: awsConfig(values as z.output<typeof aws>) };
}

function awsConfig(values: z.output<typeof aws>): AwsConfig {
  const stateMachines = values[env.stateMachines];
  const eventBus = values[env.eventBus];
  const receiptsKey = values[env.receiptsKey];
  const dynamodb = values[env.dynamodbEndpoint];
  const s3 = values[env.s3Endpoint];
  return {
    region: values[env.region],
    recordsTable: values[env.recordsTable],
    pagesTable: values[env.pagesTable],
    bucket: values[env.bucket],
    ...(stateMachines && { stateMachines }),
    ...(eventBus && { eventBus }),
    ...(receiptsKey && { receiptsKey }),
    ...(dynamodb && s3 && { endpoints: { dynamodb, s3 } }),
  };
}
