import assert from 'node:assert/strict';
import { test } from 'node:test';
import { synth, target } from './synth';

const aws = synth();

test('every queue has its own dead-letter queue, which keeps messages for 14 days', () => {
  const queues = aws.all('AWS::SQS::Queue');
  const sources = queues.filter(({ RedrivePolicy }) => RedrivePolicy);
  assert.deepEqual(
    sources.map(({ name, RedrivePolicy: to }) => [name, target(to.deadLetterTargetArn), to.maxReceiveCount]),
    ['Launch', 'Batch', 'Projection'].map((name) => [`Messaging${name}Queue`, `Messaging${name}Dlq`, 10]),
  );
  const others = queues.filter(({ RedrivePolicy, name }) => !RedrivePolicy && name !== 'MessagingTicks');
  assert.deepEqual(others.map(({ name, MessageRetentionPeriod }) => [name, MessageRetentionPeriod]),
    ['LaunchDlq', 'BatchDlq', 'ProjectionDlq', 'Undelivered'].map((name) => [`Messaging${name}`, 14 * 86_400]));
});

test('every queue is encrypted and refuses plain HTTP', () => {
  const policies = aws.all('AWS::SQS::QueuePolicy');
  for (const { name, SqsManagedSseEnabled } of aws.all('AWS::SQS::Queue')) {
    assert.equal(SqsManagedSseEnabled, true, name);
    const [denial] = policies.filter(({ Queues }) => target(Queues[0]) === name)
      .flatMap(({ PolicyDocument }) => PolicyDocument.Statement.filter(({ Effect }: any) => Effect === 'Deny'));
    assert.deepEqual([denial.Action, denial.Principal, denial.Condition],
      ['sqs:*', { AWS: '*' }, { Bool: { 'aws:SecureTransport': 'false' } }], name);
  }
});

test('a queue takes messages only from the rules that feed it, and the undelivered queue from every rule', () => {
  const senders = aws.all('AWS::SQS::QueuePolicy').map(({ Queues, PolicyDocument }) => [
    target(Queues[0]),
    PolicyDocument.Statement.filter(({ Effect }: any) => Effect === 'Allow')
      .map(({ Condition }: any) => target(Condition.ArnEquals['aws:SourceArn'])),
  ]);
  const [requested, completed, progressed, changed] =
    ['GoalActivityRequested', 'WorkflowCompleted', 'BatchProgressed', 'ExecutionStatusChanged']
    .map((id) => `Messaging${id}`);
  assert.deepEqual(Object.fromEntries(senders), {
    MessagingLaunchQueue: [requested, completed],
    MessagingLaunchDlq: [],
    MessagingBatchQueue: [],
    MessagingBatchDlq: [],
    MessagingProjectionQueue: [progressed, changed],
    MessagingProjectionDlq: [],
    MessagingUndelivered: [requested, completed, progressed, changed],
    MessagingTicks: ['FunctionsReconcileSchedule'],
  });
});

test('rules for events go to queues only, retry for an hour, and then leave the event in the undelivered queue', () => {
  const rules = aws.all('AWS::Events::Rule').filter(({ EventPattern }) => EventPattern).map(({ name, EventBusName, EventPattern, Targets }) => {
    const machines = EventPattern.detail?.stateMachineArn;
    if (machines) EventPattern.detail.stateMachineArn = machines.map(target);
    for (const { RetryPolicy, DeadLetterConfig } of Targets) {
      assert.equal(RetryPolicy.MaximumEventAgeInSeconds, 3600, name);
      assert.equal(target(DeadLetterConfig.Arn), 'MessagingUndelivered', name);
    }
    return [target(EventBusName ?? 'default'), EventPattern, Targets.map(({ Arn }: any) => target(Arn))];
  });
  assert.deepEqual(rules, [
    ['MessagingBus', {
      'detail-type': ['GoalActivityRequested', 'GoalActivityCancelRequested', 'GoalActivityRetryRequested'],
    }, ['MessagingLaunchQueue']],
    ['MessagingBus', { source: ['goal-activity'], 'detail-type': ['WorkflowCompleted'] }, ['MessagingLaunchQueue']],
    ['MessagingBus', { source: ['goal-activity'], 'detail-type': ['BatchProgressed'] }, ['MessagingProjectionQueue']],
    ['default', {
      source: ['aws.states'],
      'detail-type': ['Step Functions Execution Status Change'],
      detail: { stateMachineArn: ['WorkflowStateMachine'] },
    }, ['MessagingProjectionQueue']],
  ]);
});

test('only the reconciler runs on a schedule, every minute and half a minute later, and a tick that is late is dropped', () => {
  const schedules = aws.all('AWS::Events::Rule').filter(({ ScheduleExpression }) => ScheduleExpression)
    .map(({ ScheduleExpression, State, Targets }) => [ScheduleExpression, State, Targets.map(({ Arn, RetryPolicy }: any) =>
      [target(Arn), RetryPolicy])]);
  assert.deepEqual(schedules, [
    ['rate(1 minute)', 'ENABLED', ['FunctionsReconcileFunction', 'MessagingTicks'].map((each) =>
      [each, { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 }])],
  ]);
  const { DelaySeconds, MessageRetentionPeriod } = aws.resources('AWS::SQS::Queue').MessagingTicks!.Properties;
  assert.deepEqual([DelaySeconds, MessageRetentionPeriod], [30, 60]);
});

test('a message stays invisible for as long as its function may run, and failed messages return one by one', () => {
  const sources = aws.all('AWS::Lambda::EventSourceMapping').map((mapping) => {
    const { Timeout } = aws.resources('AWS::Lambda::Function')[target(mapping.FunctionName)]!.Properties;
    const { VisibilityTimeout } = aws.resources('AWS::SQS::Queue')[target(mapping.EventSourceArn)]!.Properties;
    assert.ok(VisibilityTimeout >= Timeout, mapping.name);
    const ticks = target(mapping.EventSourceArn) === 'MessagingTicks';
    assert.deepEqual(mapping.FunctionResponseTypes, ticks ? undefined : ['ReportBatchItemFailures'], mapping.name);
    const { FunctionName, BatchSize, MaximumBatchingWindowInSeconds } = mapping;
    return [target(FunctionName), Timeout, VisibilityTimeout, BatchSize, MaximumBatchingWindowInSeconds];
  });
  assert.deepEqual(sources, [
    ['FunctionsLaunchFunction', 30, 180, 10, undefined],
    ['FunctionsWorkerFunction', 300, 330, 4, undefined],
    ['FunctionsProjectorFunction', 60, 360, 10, 1],
    ['FunctionsReconcileFunction', 60, 60, 10, undefined],
  ]);
});

test('both functions that accept requests know how many actions a user may ask for in a day', () => {
  for (const [context, actions] of [[{}, '1000'], [{ actionsPerUserAndDay: 0 }, '0'], [{ local: true }, '0'], [{ local: true, actionsPerUserAndDay: 64 }, '64']] as const) {
    const limits = Object.entries(synth(context).resources('AWS::Lambda::Function'))
      .map(([name, { Properties }]) => [name, Properties.Environment?.Variables.ACTIONS_PER_USER_AND_DAY])
      .filter(([, limit]) => limit !== undefined);
    assert.deepEqual(limits, [['FunctionsApiFunction', actions], ['FunctionsLaunchFunction', actions]]);
  }
});

test('both functions that release capacity know when launching is paused by itself', () => {
  for (const [context, on, cost] of [[{}, 'true', undefined], [{ pauseOnAiFailure: false, dailyAiCost: '25' }, 'false', '25.000000'], [{ dailyAiCost: 0.5 }, 'true', '0.500000']] as const) {
    const known = Object.entries(synth(context).resources('AWS::Lambda::Function'))
      .map(([name, { Properties }]) => [name, Properties.Environment?.Variables])
      .filter(([, variables]) => variables?.PAUSE_ON_AI_FAILURE !== undefined)
      .map(([name, variables]) => [name, variables.PAUSE_ON_AI_FAILURE, variables.DAILY_AI_COST]);
    assert.deepEqual(known, ['Launch', 'Reconcile'].map((name) => [`Functions${name}Function`, on, cost]));
  }
});

test('what launches, wakes those who wait, or asks the AI knows its quota, and no function does where none is set', () => {
  const dear = { generator: 'bedrock', bedrockModel: 'global.anthropic.claude-haiku-4-5-20251001-v1:0' };
  const cheap = { generator: 'bedrock', bedrockModel: 'anthropic.claude-3-haiku-20240307-v1:0' };
  for (const [context, ...expected] of [
    [{ aiRequestsPerMinute: '300' }, '300', undefined, undefined],
    [{ aiTokensPerMinute: 5_000_000 }, undefined, '5000000', '1'],
    [{ ...cheap, aiTokensPerMinute: 5_000_000 }, undefined, '5000000', '1'],
    [{ ...dear, aiRequestsPerMinute: 300, aiTokensPerMinute: 5_000_000 }, '300', '5000000', '5'],
  ] as const) {
    const known = Object.entries(synth(context).resources('AWS::Lambda::Function'))
      .map(([name, { Properties }]) => [name, Properties.Environment?.Variables ?? {}])
      .map(([name, variables]) => [name, variables.AI_REQUESTS_PER_MINUTE, variables.AI_TOKENS_PER_MINUTE, variables.AI_OUTPUT_TOKEN_WEIGHT])
      .filter(([, ...values]) => values.some((value) => value !== undefined));
    assert.deepEqual(known, ['Launch', 'Worker', 'Reconcile'].map((name) => [`Functions${name}Function`, ...expected]));
  }
  const variables = Object.values(synth().resources('AWS::Lambda::Function')).flatMap(({ Properties }) => Object.keys(Properties.Environment?.Variables ?? {}));
  assert.deepEqual(variables.filter((name) => /^AI_(REQUESTS|TOKENS|OUTPUT)/.test(name)), []);
});

test('with provisioned pollers the batch queue has no maximum concurrency, and more may be launched than that allows', () => {
  const stack = synth({ concurrentBatches: '10000', batchPollers: '200-1000' });
  const [worker] = stack.all('AWS::Lambda::EventSourceMapping').filter(({ FunctionName }) => target(FunctionName) === 'FunctionsWorkerFunction');
  assert.deepEqual(worker?.ProvisionedPollerConfig, { MinimumPollers: 200, MaximumPollers: 1000 });
  assert.equal(worker?.ScalingConfig, undefined);
  const capacities = Object.values(stack.resources('AWS::Lambda::Function')).map(({ Properties }) => Properties.Environment?.Variables.CONCURRENT_BATCHES)
    .filter((capacity) => capacity !== undefined);
  assert.deepEqual(capacities, ['10000', '10000', '10000']);
});

test('how many batches a worker gets, and for how long they are gathered, are settings', () => {
  for (const [context, size, window, visibility] of [
    [{ workerBatchSize: '1' }, 1, undefined, 330],
    [{ workerBatchSize: 10, workerBatchWindowSeconds: '2' }, 10, 2, 332],
  ] as const) {
    const stack = synth(context);
    const [mapping] = stack.all('AWS::Lambda::EventSourceMapping').filter(({ FunctionName }) => target(FunctionName) === 'FunctionsWorkerFunction');
    assert.deepEqual([mapping!.BatchSize, mapping!.MaximumBatchingWindowInSeconds], [size, window]);
    // From the moment of the receive: what is gathered is hidden as well.
    assert.equal(stack.resources('AWS::SQS::Queue')[target(mapping!.EventSourceArn)]!.Properties.VisibilityTimeout, visibility);
  }
});

test('concurrentBatches is how many workers run at once and how much may be launched', () => {
  for (const [concurrentBatches, batches] of [[undefined, 64], ['20', 20]]) {
    const stack = synth({ concurrentBatches });
    const scaling = stack.all('AWS::Lambda::EventSourceMapping')
      .map(({ FunctionName, ScalingConfig }) => [target(FunctionName), ScalingConfig]);
    assert.deepEqual(scaling, [
      ['FunctionsLaunchFunction', undefined],
      ['FunctionsWorkerFunction', { MaximumConcurrency: batches }],
      ['FunctionsProjectorFunction', undefined],
      ['FunctionsReconcileFunction', undefined],
    ]);
    const capacities = Object.entries(stack.resources('AWS::Lambda::Function'))
      .map(([name, { Properties }]) => [name, Properties.Environment?.Variables.CONCURRENT_BATCHES])
      .filter(([, capacity]) => capacity !== undefined);
    assert.deepEqual(capacities, ['Api', 'Launch', 'Reconcile'].map((name) => [`Functions${name}Function`, String(batches)]));
  }
});
