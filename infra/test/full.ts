/** A value for every setting of operations, and the web page: what they add is checked like the rest. */
export const full: Record<string, string> = {
  startRate: '30', startBurst: '60', requestRate: '200', requestBurst: '400',
  apiConcurrency: '50', projectorConcurrency: '20', launchConcurrency: '10',
  logRetentionDays: '90', removalPolicy: 'retain', terminationProtection: 'true', deployment: 'canary10percent30minutes', tags: '{"team":"goals"}', backup: 'true',
  kmsKey: 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  alertEmail: 'ops@example.com', monthlyBudget: '500', dailyAiCost: '25', aiRequestsPerMinute: '2000', aiTokensPerMinute: '5000000',
  vpcId: 'vpc-0123456789abcdef0', subnets: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1', securityGroups: 'sg-0123456789abcdef0',
  consumerAccounts: '111122223333=com.example.planner,444455556666=com.example.coach',
  web: 'true',
};
