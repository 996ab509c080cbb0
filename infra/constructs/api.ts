// The HTTP API: a route for each endpoint, from the table that the one-machine server answers from, each with the JWT
// authorizer of the campus' issuer unless it is open to all. Throttled as a whole; every request leaves a line.

import { CfnOutput, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  CorsHttpMethod,
  DomainName,
  HttpApi,
  HttpMethod,
  HttpNoneAuthorizer,
  HttpStage,
  LogGroupLogDestination,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { isOpen } from '../../functions/http/endpoint.ts';
import { pathHeader } from '../../functions/http/router.ts';
import { routes } from '../../functions/routes.ts';
import type { Context } from '../needs.ts';
import { nameOf, type Tenant } from '../tenant.ts';
import { acknowledge } from './acknowledge.ts';

export interface ApiProps {
  readonly tenant: Tenant;
  readonly functions: Readonly<Record<Context, IFunction>>;
}

/** What a browser may send and see; the rest of CORS follows from the tenant's origins. */
const requestHeaders = [
  ...['authorization', 'content-type', 'accept', 'range'],
  ...['if-match', 'if-none-match', 'idempotency-key', pathHeader],
];
const responseHeaders = ['etag', 'location', 'content-range', 'accept-ranges', 'retry-after'];

const openReason =
  'Open on purpose: health, the contract and the public keys of receipts tell nothing about anyone.';

export class Api extends Construct {
  readonly stage: HttpStage;

  constructor(scope: Construct, id: string, { tenant, functions }: ApiProps) {
    super(scope, id);
    const api = new HttpApi(this, 'Api', {
      apiName: nameOf(tenant),
      createDefaultStage: false,
      disableExecuteApiEndpoint: tenant.domain !== undefined,
      corsPreflight: {
        allowOrigins: tenant.origins,
        allowMethods: [CorsHttpMethod.ANY],
        allowHeaders: requestHeaders,
        exposeHeaders: responseHeaders,
        maxAge: Duration.days(1),
      },
    });
    this.#addRoutes(api, tenant, functions);
    this.stage = new HttpStage(this, 'Stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: tenant.throttle.rate, burstLimit: tenant.throttle.burst },
      accessLogSettings: { destination: this.#accessLog(tenant), format: accessLogFormat },
      ...this.#domainMapping(tenant),
    });
    new CfnOutput(this, 'Url', {
      value: tenant.domain ? `https://${tenant.domain.name}` : api.apiEndpoint,
      description: 'Where the API answers',
    });
  }

  #addRoutes(api: HttpApi, { issuer, audience }: Tenant, functions: ApiProps['functions']): void {
    const campus = new HttpJwtAuthorizer('Campus', issuer, { jwtAudience: audience });
    const open = new HttpNoneAuthorizer();
    for (const [context, endpoints] of Object.entries(routes) as [Context, (typeof routes)[Context]][]) {
      const integration = new HttpLambdaIntegration(context, functions[context], {
        // One permission for the whole API: one a route would outgrow the function's policy.
        scopePermissionToRoute: false,
      });
      for (const endpoint of endpoints) {
        const added = api.addRoutes({
          path: endpoint.path,
          methods: [HttpMethod[endpoint.method]],
          integration,
          authorizer: isOpen(endpoint) ? open : campus,
        });
        if (isOpen(endpoint)) for (const route of added) acknowledge(route, 'APIG4', openReason);
      }
    }
  }

  #accessLog(tenant: Tenant): LogGroupLogDestination {
    return new LogGroupLogDestination(
      new LogGroup(this, 'AccessLog', {
        logGroupName: `/handout/${tenant.name}/access`,
        retention: tenant.logRetentionDays,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
    );
  }

  /** The campus points its name at the output by a CNAME record. */
  #domainMapping({ domain }: Tenant) {
    if (!domain) return {};
    const domainName = new DomainName(this, 'Domain', {
      domainName: domain.name,
      certificate: Certificate.fromCertificateArn(this, 'Certificate', domain.certificate),
      securityPolicy: SecurityPolicy.TLS_1_2,
    });
    new CfnOutput(this, 'DomainTarget', {
      value: domainName.regionalDomainName,
      description: `What the CNAME record of ${domain.name} points to`,
    });
    return { domainMapping: { domainName } };
  }
}

/** No path but the route's: what students call their files is nobody else's business. */
const accessLogFormat = AccessLogFormat.custom(
  JSON.stringify({
    at: '$context.requestTime',
    request: '$context.requestId',
    route: '$context.routeKey',
    status: '$context.status',
    ms: '$context.responseLatency',
    bytes: '$context.responseLength',
    user: '$context.authorizer.claims.sub',
    error: '$context.error.message',
    integration: '$context.integrationErrorMessage',
  }),
);
