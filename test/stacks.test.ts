// What is deployed on AWS: what matters about it, and no whole template. Two tenants are synthesized, offline.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../adapters/config.ts';
import { isOpen, routeKey } from '../functions/http/endpoint.ts';
import { endpoints, routes } from '../functions/routes.ts';
import { stepNeeds } from '../infra/needs.ts';
import { checkTenants, namesOf, type Settings, wantedTenants } from '../infra/tenant.ts';
import { tenants } from '../infra/tenants.ts';
import { workflows } from '../workflows/definitions.ts';
import {
  type Json,
  newApp,
  plain,
  type Resource,
  resourcesOf,
  type Statement,
  statementsOf,
  synthesize,
  type TenantTemplates,
  top,
} from './support/stacks.ts';

const [first, second] = ['lakeside', 'hilltop'] as const;
const issuer = 'https://login.example.edu';
const some = (more: Partial<Settings> = {}): Settings => ({
  name: 'trial',
  issuer,
  audience: ['api'],
  ...more,
});

let lakeside: TenantTemplates;
let hilltop: TenantTemplates;
/** All that a tenant may choose. */
let trial: TenantTemplates;

const certificate = 'arn:aws:acm:eu-central-1:123456789012:certificate/1';

beforeAll(() => {
  const three = synthesize([
    some({ name: first, alarmMail: 'alarms@example.edu' }),
    some({ name: second, issuer: 'https://id.example.org', audience: ['b', 'c'], logRetentionDays: 30 }),
    some({
      account: '123456789012',
      region: 'eu-central-1',
      domain: { name: 'handout.example.edu', certificate },
      removal: 'destroy',
      restored: { records: 'handout-trial-records-1123', pages: 'handout-trial-pages-1123' },
    }),
  ]);
  [lakeside, hilltop, trial] = three as [TenantTemplates, TenantTemplates, TenantTemplates];
}, 300_000);

describe('the data', () => {
  const of = (type: string): Resource[] => resourcesOf(lakeside.data, type);

  it.each([
    ['records', ['partition HASH', 'sort RANGE']],
    ['pages', ['hash HASH']],
  ])('keeps %s in a table with point-in-time recovery that cannot be deleted', (what, keys) => {
    const table = of('AWS::DynamoDB::GlobalTable').find(
      ({ Properties }) => Properties.TableName === `handout-lakeside-${what}`,
    )!.Properties;
    expect(table.KeySchema.map((key: Json) => `${key.AttributeName} ${key.KeyType}`)).toEqual(keys);
    expect(table.AttributeDefinitions.every((key: Json) => key.AttributeType === 'S')).toBe(true);
    expect(table.BillingMode).toBe('PAY_PER_REQUEST');
    expect(table.Replicas).toEqual([
      expect.objectContaining({
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      }),
    ]);
  });

  it('is retained, all of it, and its stack is protected', () => {
    expect(resourcesOf(lakeside.data).filter(({ DeletionPolicy }) => DeletionPolicy !== 'Retain')).toEqual(
      [],
    );
    expect(lakeside.stacks.data.terminationProtection).toBe(true);
  });

  it('is in buckets that are closed, encrypted and TLS only', () => {
    const buckets = of('AWS::S3::Bucket');
    expect(buckets).toHaveLength(2);
    for (const { id, Properties } of buckets) {
      expect(Object.values(Properties.PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
      expect(Properties.OwnershipControls.Rules).toEqual([{ ObjectOwnership: 'BucketOwnerEnforced' }]);
      expect(JSON.stringify(Properties.BucketEncryption)).toContain('AES256');
      const refusals = statementsOf(lakeside.data).filter(
        ({ raw, effect, resources }) =>
          effect === 'Deny' &&
          resources.includes(`<${id}.Arn>/*`) &&
          raw.Condition.Bool?.['aws:SecureTransport'] === 'false',
      );
      expect(refusals).toEqual([expect.objectContaining({ actions: ['s3:*'] })]);
    }
  });

  it('keeps versions of blobs for good, and lets the passing areas empty themselves', () => {
    const { Properties: bucket } = of('AWS::S3::Bucket').find(
      ({ Properties }) => Properties.VersioningConfiguration,
    )!;
    expect(bucket.VersioningConfiguration).toEqual({ Status: 'Enabled' });
    const rules: Json[] = bucket.LifecycleConfiguration.Rules;
    const expiring = rules.filter((rule) => Object.keys(rule).some((name) => name.includes('Expiration')));
    expect(expiring.map((rule) => rule.Prefix).sort()).toEqual(['assembled/', 'uploads/']);
    expect(rules).toContainEqual(
      expect.objectContaining({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }),
    );
    expect(bucket.CorsConfiguration.CorsRules[0].AllowedMethods).toEqual(['PUT', 'GET', 'HEAD']);
    expect(bucket.LoggingConfiguration).toBeDefined();
  });

  it('loses versions of blobs by the hand of reclaim alone', () => {
    const [deny, ...others] = statementsOf(lakeside.data).filter(
      ({ raw }) => raw.Sid === 'OnlyReclaimDeletesBlobs',
    );
    expect(others).toEqual([]);
    expect(deny).toMatchObject({ effect: 'Deny', actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'] });
    expect(deny!.resources).toEqual([expect.stringMatching(/\/blobs\/\*$/)]);
    expect(deny!.raw.Principal).toEqual({ AWS: '*' });
    const [role] = of('AWS::IAM::Role');
    expect(role!.Properties.RoleName).toBe('handout-lakeside-reclaim');
    expect(plain(deny!.raw.Condition.ArnNotEquals['aws:PrincipalArn'])).toBe(`<${role!.id}.Arn>`);
    const deleting = statementsOf(lakeside.service).filter(({ actions }) =>
      actions.some((name) => /Delete.*Object/.test(name)),
    );
    const sweeping = deleting.filter(({ actions }) => actions.includes('s3:DeleteObjectVersion'));
    expect(sweeping.map(({ resources }) => resources)).toEqual([[expect.stringMatching(/\/blobs\/\*$/)]]);
    const policy = resourcesOf(lakeside.service, 'AWS::IAM::Policy').find(({ id }) => id === sweeping[0]!.of);
    expect(policy!.Properties.Roles).toEqual(['handout-lakeside-reclaim']);
    const assuming = resourcesOf(lakeside.service, 'AWS::Lambda::Function').filter(({ Properties }) =>
      plain(Properties.Role).endsWith('role/handout-lakeside-reclaim'),
    );
    expect(assuming.map(({ Properties }) => Properties.FunctionName)).toEqual([
      'handout-lakeside-reclaimSweep',
    ]);
    for (const { resources } of deleting.filter((one) => !sweeping.includes(one)))
      expect(resources).toEqual([expect.stringMatching(/\/uploads\/\*$/)]);
  });

  it('signs receipts with a key that never leaves KMS', () => {
    lakeside.data.hasResourceProperties('AWS::KMS::Key', {
      KeySpec: 'ECC_NIST_P256',
      KeyUsage: 'SIGN_VERIFY',
    });
  });

  it('goes with its stack where the tenant says so, for trying things out', () => {
    expect(resourcesOf(trial.data).filter(({ DeletionPolicy }) => DeletionPolicy !== 'Delete')).toEqual([]);
    expect(JSON.stringify(trial.data.toJSON())).not.toContain('"DeletionProtectionEnabled":true');
    expect(trial.stacks.data.terminationProtection).toBe(false);
  });
});

describe('the API', () => {
  const integrationsOf = (route: Json): string => plain(route.Target).replace(/^integrations\/<(.*)>$/, '$1');

  it('has a route for every endpoint and no other, each leading to the function of its context', () => {
    const found = resourcesOf(lakeside.service, 'AWS::ApiGatewayV2::Route').map(
      ({ Properties }) => Properties,
    );
    expect(found.map((route) => route.RouteKey).sort()).toEqual(endpoints.map(routeKey).sort());
    const resources = lakeside.service.toJSON().Resources;
    for (const [context, list] of Object.entries(routes)) {
      for (const endpoint of list) {
        const route = found.find((one) => one.RouteKey === routeKey(endpoint));
        const integration = resources[integrationsOf(route)].Properties;
        expect(integration).toMatchObject({ IntegrationType: 'AWS_PROXY', PayloadFormatVersion: '2.0' });
        const [lambda] = integration.IntegrationUri['Fn::GetAtt'];
        expect(resources[lambda].Properties.FunctionName, routeKey(endpoint)).toBe(
          `handout-lakeside-${context}`,
        );
      }
    }
  });

  it('asks for a token of the campus everywhere but where it is open to all', () => {
    const [authorizer, ...others] = resourcesOf(hilltop.service, 'AWS::ApiGatewayV2::Authorizer');
    expect(others).toEqual([]);
    expect(authorizer!.Properties).toMatchObject({
      AuthorizerType: 'JWT',
      JwtConfiguration: { Issuer: 'https://id.example.org', Audience: ['b', 'c'] },
    });
    const open = new Set(endpoints.filter(isOpen).map(routeKey));
    for (const { Properties } of resourcesOf(hilltop.service, 'AWS::ApiGatewayV2::Route')) {
      const { AuthorizationType, AuthorizerId } = Properties;
      if (open.has(Properties.RouteKey)) expect(AuthorizationType).toBe('NONE');
      else
        expect([AuthorizationType, AuthorizerId], Properties.RouteKey).toEqual([
          'JWT',
          { Ref: authorizer!.id },
        ]);
    }
    expect([...open].sort()).toEqual([
      'GET /v1/docs',
      'GET /v1/health',
      'GET /v1/keys',
      'GET /v1/openapi.json',
    ]);
  });

  it('is throttled, and keeps a line of each request without the names of files', () => {
    const [stage] = resourcesOf(lakeside.service, 'AWS::ApiGatewayV2::Stage');
    expect(stage!.Properties.DefaultRouteSettings).toEqual({
      ThrottlingRateLimit: 500,
      ThrottlingBurstLimit: 1_000,
    });
    expect(stage!.Properties.AccessLogSettings.Format).toContain('$context.routeKey');
    expect(stage!.Properties.AccessLogSettings.Format).not.toMatch(/context\.path|rawPath/);
  });

  it('answers under a name of the campus, and under no other then', () => {
    const { service } = trial;
    service.hasResourceProperties('AWS::ApiGatewayV2::Api', { DisableExecuteApiEndpoint: true });
    service.hasResourceProperties('AWS::ApiGatewayV2::DomainName', {
      DomainName: 'handout.example.edu',
      DomainNameConfigurations: [
        Match.objectLike({ CertificateArn: certificate, SecurityPolicy: 'TLS_1_2' }),
      ],
    });
    service.resourceCountIs('AWS::ApiGatewayV2::ApiMapping', 1);
  });
});

describe('a function', () => {
  it('runs on Node 24 and arm64, and logs where logs are forgotten in time', () => {
    const functions = resourcesOf(lakeside.service, 'AWS::Lambda::Function');
    const steps = Object.values(workflows).flatMap(({ steps }) => Object.keys(steps));
    expect(
      functions.map(({ Properties }) => Properties.FunctionName.replace('handout-lakeside-', '')).sort(),
    ).toEqual([...Object.keys(routes), ...steps, 'clock'].sort());
    for (const { Properties } of functions) {
      expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
      expect(Properties.LoggingConfig.LogGroup.Ref).toBeDefined();
    }
    for (const [{ service }, days] of [
      [lakeside, 90],
      [hilltop, 30],
    ] as const)
      for (const { Properties } of resourcesOf(service, 'AWS::Logs::LogGroup'))
        expect(Properties.RetentionInDays).toBe(days);
  });

  it('finds in its environment all that the configuration asks for', () => {
    for (const { Properties } of resourcesOf(lakeside.service, 'AWS::Lambda::Function')) {
      const variables = Object.entries<Json>(Properties.Environment.Variables).map(([name, value]) => [
        name,
        plain(value)
          .replaceAll('<AWS::Partition>', 'aws')
          .replaceAll('<AWS::Region>', 'eu-central-1')
          .replaceAll('<AWS::AccountId>', '123456789012'),
      ]);
      const config = readConfig({ ...Object.fromEntries(variables), AWS_REGION: 'eu-central-1' });
      expect(config).toMatchObject({
        backend: 'aws',
        historySeconds: 30 * 86_400,
        graceSeconds: 35 * 86_400,
        aws: {
          recordsTable: 'handout-lakeside-records',
          pagesTable: 'handout-lakeside-pages',
          bucket: 'handout-lakeside-123456789012-eu-central-1',
          stateMachines: 'arn:aws:states:eu-central-1:123456789012:stateMachine:handout-lakeside-',
          eventBus: 'handout-lakeside',
          receiptsKey: expect.stringContaining('handout-lakeside-data:'),
        },
      });
    }
  });

  it('may do single actions on single things', () => {
    const own = statementsOf(lakeside.service).filter(
      ({ of, effect }) => of.includes('Role') && effect === 'Allow',
    );
    const broad = ({ actions, resources }: Statement) =>
      actions.some((action) => action.includes('*')) || resources.includes('*');
    const delivering = ({ of }: Statement) => /MachineRole/.test(of);
    expect(own.filter(broad).filter((one) => !delivering(one))).toEqual([]);
    for (const { resources } of own)
      for (const resource of resources.filter((one) => one.includes('*') && one !== '*'))
        expect(resource).toMatch(
          /:s3:::handout-lakeside-.*\/(blobs|uploads|assembled)\/\*$|:execution:handout-lakeside-\w+:\*$/,
        );
  });

  it('that only reads may only read', () => {
    const service = statementsOf(lakeside.service).filter(({ of }) => of.startsWith('serviceRole'));
    const actions = service
      .flatMap((statement) => statement.actions)
      .filter((action) => !action.startsWith('logs:'));
    expect(actions.sort()).toEqual(['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query']);
  });
});

describe.each(Object.keys(workflows))('the workflow %s', (name) => {
  const machine = (): Json =>
    resourcesOf(lakeside.service, 'AWS::StepFunctions::StateMachine').find(
      ({ Properties }) => Properties.StateMachineName === `handout-lakeside-${name}`,
    )!.Properties;

  it('is the text that one machine runs, with the addresses of its steps', () => {
    expect(machine().DefinitionString).toBe(readFileSync(join(top, 'workflows', `${name}.asl.json`), 'utf8'));
    const resources = lakeside.service.toJSON().Resources;
    const steps = Object.entries<Json>(machine().DefinitionSubstitutions).map(([step, address]) => {
      expect(resources[address['Fn::GetAtt'][0]].Properties.FunctionName).toBe(`handout-lakeside-${step}`);
      return step;
    });
    expect(steps.sort()).toEqual(Object.keys(workflows[name as keyof typeof workflows].steps).sort());
    expect(Object.keys(stepNeeds[name as keyof typeof stepNeeds]).sort()).toEqual(steps.sort());
  });

  it('logs and traces, and may call its own steps only', () => {
    expect(machine().LoggingConfiguration).toMatchObject({ Level: 'ALL', IncludeExecutionData: true });
    expect(machine().TracingConfiguration).toEqual({ Enabled: true });
    const called = Object.values(machine().DefinitionSubstitutions).map(plain);
    const may = statementsOf(lakeside.service).filter(
      ({ of, actions }) =>
        of.startsWith(`Workflow${name}MachineRole`) && actions.includes('lambda:InvokeFunction'),
    );
    expect(may.flatMap(({ resources }) => resources).sort()).toEqual(called.sort());
  });
});

describe('alarms', () => {
  const alarms = (): Resource[] => resourcesOf(lakeside.service, 'AWS::CloudWatch::Alarm');

  it('are named after the headings of the runbook, one each', () => {
    const runbook = readFileSync(join(top, 'docs', 'runbook.md'), 'utf8');
    const headings = [...runbook.matchAll(/^## (.*)$/gm)].map((match) => match[1]);
    const named = alarms().map(({ Properties }) => Properties.AlarmName.replace(/^handout-lakeside: /, ''));
    expect(named.sort()).toEqual(headings.sort());
  });

  it('tell whoever the tenant names, when they begin and when they are over', () => {
    const [topic] = resourcesOf(lakeside.service, 'AWS::SNS::Topic');
    for (const { Properties } of alarms()) {
      expect(Properties.AlarmActions).toEqual([{ Ref: topic!.id }]);
      expect(Properties.OKActions).toEqual([{ Ref: topic!.id }]);
    }
    lakeside.service.hasResourceProperties('AWS::SNS::Subscription', { Endpoint: 'alarms@example.edu' });
    const may = statementsOf(lakeside.service).find(({ raw }) => raw.Sid === 'AlarmsPublish');
    expect(may!.raw.Principal).toEqual({ Service: 'cloudwatch.amazonaws.com' });
  });

  it('watch every workflow', () => {
    const watched = alarms().map(({ Properties }) => Properties.AlarmName);
    for (const name of Object.keys(workflows))
      expect(watched).toContain(`handout-lakeside: The workflow ${name} failed`);
  });
});

describe('two tenants', () => {
  const templatesOf = ({ data, service }: TenantTemplates) => [data, service];

  it('share no resource, by name', () => {
    const names = (tenant: TenantTemplates): string[] =>
      templatesOf(tenant)
        .flatMap((template) => resourcesOf(template))
        .flatMap(({ Properties = {} }) =>
          Object.entries<Json>(Properties)
            .filter(
              ([property]) =>
                /^(\w*Name|RoleName|Alias)$/.test(property) && !/^(Policy|Function)Name$/.test(property),
            )
            .map(([, value]) => plain(value)),
        )
        .filter((name) => name.includes('handout'));
    expect(names(lakeside).length).toBeGreaterThan(30);
    expect(names(lakeside).filter((name) => names(hilltop).includes(name))).toEqual([]);
    for (const name of names(lakeside)) expect(name).toContain(first);
  });

  it('share no permission: what one names, the other does not', () => {
    const things = (tenant: TenantTemplates): string[] =>
      templatesOf(tenant).flatMap((template) =>
        statementsOf(template)
          .flatMap(({ resources }) => resources)
          // References stay within a stack; log delivery knows no resources, and a key's policy means that key.
          .filter((resource) => resource !== '*' && !resource.startsWith('<')),
      );
    expect(things(lakeside).length).toBeGreaterThan(20);
    expect(things(lakeside).filter((thing) => things(hilltop).includes(thing))).toEqual([]);
  });

  it('never mention each other, and take from no stack but their own', () => {
    for (const [tenant, other] of [
      [lakeside, second],
      [hilltop, first],
    ] as const) {
      const text = templatesOf(tenant)
        .map((template) => JSON.stringify(template.toJSON()))
        .join();
      expect(text).not.toContain(other);
    }
    const imports = [...JSON.stringify(hilltop.service.toJSON()).matchAll(/"Fn::ImportValue":"([^"]+)"/g)];
    for (const [, name] of imports) expect(name).toMatch(/^handout-hilltop-data:/);
  });
});

describe('tenants', () => {
  it('are as they are listed, and one of them by its name', () => {
    const checked = checkTenants(tenants);
    expect(wantedTenants(newApp(), checked)).toEqual(checked);
    expect(wantedTenants(newApp({ tenant: checked[1]!.name }), checked)).toEqual([checked[1]]);
    expect(() => wantedTenants(newApp({ tenant: 'nowhere' }), checked)).toThrow(
      /no tenant "nowhere".*lakeside/,
    );
  });

  it.each([
    ['a name that no bucket can have', { name: 'Lakeside_1' }, /name/],
    ['a name that stands for all', { name: 'all' }, /every tenant/],
    ['an issuer without TLS', { issuer: 'http://login.example.edu' }, /issuer/],
    ['nobody to take tokens for', { audience: [] }, /audience/],
    ['a retention that CloudWatch does not know', { logRetentionDays: 31 as 30 }, /logRetentionDays/],
    ['a word that is not known', { retention: 1 } as Partial<Settings>, /retention/],
  ])('with %s are refused', (_, wrong, says) => {
    expect(() => checkTenants([some(wrong)])).toThrow(says);
  });

  it('whose names are alike have no resource of the same name', () => {
    const alike = ['lake', 'lake-logs', 'lake-records', 'lake-pages'].map((name) => some({ name }));
    const kinds = [['records', 'pages'], ['bucket', 'accessLogs'], ['bus']] as const;
    for (const kind of kinds) {
      const names = checkTenants(alike).flatMap((tenant) => kind.map((what) => namesOf(tenant)[what]));
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('are named once', () => expect(() => checkTenants([some(), some()])).toThrow(/"trial" twice/));

  it('work on restored tables where they say so', () => {
    const text = JSON.stringify(trial.service.toJSON());
    expect(text).toContain('handout-trial-records-1123');
    expect(text).not.toMatch(/handout-trial-(records|pages)"/);
  });
});

it('cdk-nag has nothing to say that was not answered with a reason', () => {
  const { app } = lakeside;
  const report = new AwsSolutionsChecks(app).validateScope(app);
  expect(report.violations).toEqual([]);
  expect(report.success).toBe(true);
});
