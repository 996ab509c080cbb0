// Stands in for the SDK's chain of credential providers in the bundles of Lambdas (`infra/constructs/bundle.ts`).

export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env';
