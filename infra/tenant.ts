// What is said about a tenant (a campus), checked before anything is made of it, and the names of its resources. Names
// follow from the tenant alone, so that nothing has to be looked up, and no two tenants meet.

import { type App, Aws, type Environment } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as z from 'zod';

const day = 24 * 60 * 60;
const arn = (service: string) =>
  z.string().regex(new RegExp(`^arn:[\\w-]+:${service}:`), `An ARN of ${service}.`);
/** So that the longest name, the bucket's with account and region, has at most 63 characters. */
const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,14}[a-z0-9]$/, 'Three to 16 small letters, digits and hyphens.')
  .refine((text) => text !== 'all', '"all" stands for every tenant.');
const retentions = Object.values(RetentionDays).filter((days) => typeof days === 'number');

export const settings = z.strictObject({
  /** Never changed: every resource carries it. */
  name,
  /** The campus' OpenID Connect issuer, as its tokens name it in `iss`. */
  issuer: z.url({ protocol: /^https$/ }),
  /** The `aud` (or client id) that tokens must carry. */
  audience: z.array(z.string().min(1)).min(1),
  /** Default: those of the credentials that deploy. */
  account: z
    .string()
    .regex(/^\d{12}$/)
    .optional(),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/)
    .optional(),
  /** A name of the campus' own for the API, with its certificate in the same region. */
  domain: z.strictObject({ name: z.hostname(), certificate: arn('acm') }).optional(),
  /** Origins of web pages that may call the API; safe as `*`, as nothing is authorized by a cookie. */
  origins: z.array(z.string()).min(1).default(['*']),
  /** Who hears of alarms. */
  alarmMail: z.email().optional(),
  /** Requests a second that the API takes, and how many at once. */
  throttle: z
    .strictObject({ rate: z.int().positive(), burst: z.int().positive() })
    .default({ rate: 500, burst: 1_000 }),
  logRetentionDays: z.literal(retentions).default(90),
  /** What becomes of the data when its stack is deleted; `destroy` is for trying things out. */
  removal: z.enum(['retain', 'destroy']).default('retain'),
  /** How long past states stay readable by time. */
  historySeconds: z
    .int()
    .min(0)
    .default(30 * day),
  /** How long condemned data waits before it goes, longer than any step may take; also how far back a restored table finds every byte. */
  graceSeconds: z
    .int()
    .min(60 * 60)
    .default(35 * day),
  /** After a restore: the tables to use in place of the stack's own. */
  restored: z.strictObject({ records: z.string(), pages: z.string() }).optional(),
});

export type Settings = z.input<typeof settings>;
export type Tenant = z.output<typeof settings>;

/** Checks all tenants; throws one error that names everything that is wrong. */
export function checkTenants(list: readonly Settings[]): Tenant[] {
  const parsed = z.array(settings).safeParse(list);
  if (!parsed.success) throw new Error(`infra/tenants.ts is not usable:\n${z.prettifyError(parsed.error)}`);
  const names = parsed.data.map((tenant) => tenant.name);
  const twice = names.find((one, index) => names.indexOf(one) !== index);
  if (twice !== undefined) throw new Error(`infra/tenants.ts names "${twice}" twice.`);
  return parsed.data;
}

/** The tenants that the context asks for: one by name (`-c tenant=lakeside`), or `all`. */
export function wantedTenants(app: App, tenants: readonly Tenant[]): Tenant[] {
  const wanted: unknown = app.node.tryGetContext('tenant') ?? 'all';
  const found = tenants.filter((tenant) => wanted === 'all' || tenant.name === wanted);
  if (found.length === 0)
    throw new Error(
      `There is no tenant "${wanted}". Tenants: ${tenants.map((tenant) => tenant.name).join(', ')}`,
    );
  return found;
}

/** `handout-<tenant>`, and after that what it is. */
export const nameOf = (tenant: Tenant, what?: string): string =>
  ['handout', tenant.name, ...(what === undefined ? [] : [what])].join('-');

/** The names by which the stacks of a tenant know each other's resources. */
export function namesOf(tenant: Tenant) {
  // Bucket names are one world: account and region keep campuses of other accounts apart.
  const bucket = nameOf(tenant, `${tenant.account ?? Aws.ACCOUNT_ID}-${tenant.region ?? Aws.REGION}`);
  return {
    records: tenant.restored?.records ?? nameOf(tenant, 'records'),
    pages: tenant.restored?.pages ?? nameOf(tenant, 'pages'),
    bucket,
    accessLogs: `${bucket}-logs`,
    bus: nameOf(tenant),
    reclaimRole: nameOf(tenant, 'reclaim'),
  };
}

/** Where a tenant's stacks go; what is left open is settled by the credentials that deploy. */
export const environmentOf = ({ account, region }: Tenant): Environment => ({
  ...(account !== undefined && { account }),
  ...(region !== undefined && { region }),
});
