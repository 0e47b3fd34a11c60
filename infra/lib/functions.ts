import { Duration } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Archive } from './archive';
import { useGenerators } from './generator';
import { outputTokenWeight } from './generator-settings';
import type { Messaging } from './messaging';
import { type FunctionContext, RustFunction } from './rust-function';
import type { Storage } from './storage';
import type { Workflow } from './workflow';

interface FunctionsProps extends FunctionContext {
  readonly storage: Storage;
  readonly archive: Archive;
  readonly messaging: Messaging;
  readonly workflow: Workflow;
  readonly alerts: ITopic;
}

/**
 * The functions around the state machine: the trigger, configuration and permissions of each. A write inside
 * TransactWriteItems is allowed by the action of its item (Update by UpdateItem, Put by PutItem).
 */
export class Functions extends Construct {
  readonly api: RustFunction;
  readonly launch: RustFunction;
  readonly worker: RustFunction;
  readonly projector: RustFunction;
  readonly reconcile: RustFunction;

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id);
    const { storage, archive, messaging, workflow: { stateMachine, executions, alias } } = props;
    // Admission and the workers' concurrency use the same number, unless pollers are provisioned: admitted batches are processed soon.
    const { concurrentBatches, batchPollers, workerBatchSize, workerBatchWindowSeconds } = props.settings;
    const workers = batchPollers ? { provisionedPollerConfig: batchPollers } : { maxConcurrency: concurrentBatches };
    const capacity = String(concurrentBatches);
    // Requests arrive at both functions, and count together.
    // What an end says of the AI and what it has cost is decided where capacity is released: by two functions.
    const { dailyAiCost, pauseOnAiFailure } = props.settings;
    const pausing = (each: RustFunction) => each
      .setting('PAUSE_ON_AI_FAILURE', String(pauseOnAiFailure))
      .setting('DAILY_AI_COST', dailyAiCost?.toFixed(6));
    // What is launched draws on the AI's quota, and its end settles that. A worker keeps within one that is smaller than its workflow.
    const { aiRequestsPerMinute, aiTokensPerMinute } = props.settings;
    const quota = (each: RustFunction) => each
      .setting('AI_REQUESTS_PER_MINUTE', aiRequestsPerMinute?.toString())
      .setting('AI_TOKENS_PER_MINUTE', aiTokensPerMinute?.toString())
      .setting('AI_OUTPUT_TOKEN_WEIGHT', aiTokensPerMinute === undefined ? undefined : String(outputTokenWeight(props.settings.generator)));
    const dailyLimit = String(props.settings.actionsPerUserAndDay ?? props.variant.actionsPerUserAndDay);

    const ownGoals = props.settings.goalsTable === undefined;

    this.api = new RustFunction(this, 'Api', {
      ...props,
      name: 'api',
      description: 'Answers the HTTP API',
      timeout: Duration.seconds(10),
      reservedConcurrency: props.settings.apiConcurrency,
    })
      // A table of another program: only its claims are written.
      .useTable('GOALS_TABLE', storage.goals, 'GetItem', 'Query', 'UpdateItem', ...(ownGoals ? ['PutItem', 'DeleteItem'] as const : []))
      .setting('GOALS_ARE_OWN', String(ownGoals))
      .setting('GOALS_USER_INDEX', storage.goalsByUser)
      .useTable('TASKS_TABLE', storage.tasks, 'GetItem', 'Query', 'DeleteItem')
      .useTable('EXECUTIONS_TABLE', storage.executions, 'GetItem', 'Query', 'PutItem', 'UpdateItem')
      .queryIndex(storage.executions, 'by-goal')
      // For operators, who invoke the function themselves: from a user to the workflows, and the waiting list.
      .queryIndex(storage.executions, 'by-user', 'Scan')
      .queryIndex(storage.executions, 'waiting')
      .setting('CONCURRENT_BATCHES', capacity)
      .setting('ACTIONS_PER_USER_AND_DAY', dailyLimit)
      .useArchive(archive, 'GetObject')
      .publishTo(messaging)
      .useStateMachine(stateMachine)
      .useExecutions(executions, 'StopExecution');
    if (storage.goalsByUser) this.api.queryIndex(storage.goals, storage.goalsByUser);

    this.launch = new RustFunction(this, 'Launch', {
      ...props,
      name: 'launch',
      description: 'Starts the executions of requested workflows when it is their turn',
      timeout: Duration.seconds(30),
    })
      .useTable('GOALS_TABLE', storage.goals, 'GetItem', 'Query', 'UpdateItem')
      .useTable('TASKS_TABLE', storage.tasks, 'GetItem', 'Query')
      .useTable('EXECUTIONS_TABLE', storage.executions, 'GetItem', 'PutItem', 'UpdateItem')
      .queryIndex(storage.executions, 'waiting')
      .setting('CONCURRENT_BATCHES', capacity)
      .setting('ACTIONS_PER_USER_AND_DAY', dailyLimit)
      .publishTo(messaging)
      // Step Functions checks the permission for the state machine, whatever it is started through.
      .useStateMachine(stateMachine, 'StartExecution')
      .setting('STATE_MACHINE_ALIAS', alias)
      // For a workflow that was cancelled at the moment of its launch.
      .useExecutions(executions, 'StopExecution')
      // No batching window: a user waits for this start.
      .consume(messaging.launch.queue, { batchSize: 10, maxConcurrency: props.settings.launchConcurrency });
    pausing(this.launch);
    quota(this.launch);

    this.worker = new RustFunction(this, 'Worker', {
      ...props,
      name: 'worker',
      description: 'Generates and saves the tasks of batches of actions',
      timeout: Duration.seconds(300),
    })
      .useTable('GOALS_TABLE', storage.goals, 'Query')
      .useTable('TASKS_TABLE', storage.tasks, 'Query', 'PutItem', 'DeleteItem')
      .useTable('EXECUTIONS_TABLE', storage.executions, 'GetItem', 'UpdateItem')
      .publishTo(messaging)
      .answerTasksOf(stateMachine)
      // A worker waits for the AI nearly all of its time, so it may wait for several batches at once: each is worked on, answered
      // and deleted by itself. Not divided by their number: an invocation may get one message only, and admission counts batches.
      .consume(messaging.batch.queue, {
        batchSize: workerBatchSize,
        maxBatchingWindow: workerBatchWindowSeconds > 0 ? Duration.seconds(workerBatchWindowSeconds) : undefined,
        ...workers,
      });
    useGenerators(this.worker, props.settings);
    quota(this.worker);
    // Only the worker calls anything but AWS.
    if (props.settings.vpc) this.worker.attachTo(props.settings.vpc);

    this.projector = new RustFunction(this, 'Projector', {
      ...props,
      name: 'projector',
      description: 'Keeps the read model of executions and settles their end',
      timeout: Duration.seconds(60),
      reservedConcurrency: props.settings.projectorConcurrency,
    })
      // An end checks which actions the goal still has.
      .useTable('GOALS_TABLE', storage.goals, 'Query', 'UpdateItem')
      .useTable('TASKS_TABLE', storage.tasks, 'Query', 'DeleteItem')
      .useTable('EXECUTIONS_TABLE', storage.executions, 'GetItem', 'Query', 'UpdateItem')
      .useArchive(archive, 'PutObject')
      .publishTo(messaging)
      .alert(props.alerts, props.settings.operationsGuide)
      // The batches of a workflow report together: waiting 1 s saves invocations, and progress is promised within 30 s.
      .consume(messaging.projection.queue, { batchSize: 10, maxBatchingWindow: Duration.seconds(1) });

    this.reconcile = new RustFunction(this, 'Reconcile', {
      ...props,
      name: 'reconcile',
      description: 'Finds what a lost event left behind and puts it through the normal path',
      timeout: Duration.seconds(60),
    })
      .useTable('GOALS_TABLE', storage.goals, 'Query', 'UpdateItem')
      .useTable('TASKS_TABLE', storage.tasks, 'Query', 'DeleteItem')
      .useTable('EXECUTIONS_TABLE', storage.executions, 'GetItem', 'Query', 'UpdateItem')
      .queryIndex(storage.executions, 'open')
      .queryIndex(storage.executions, 'waiting')
      .setting('CONCURRENT_BATCHES', capacity)
      .useStateMachine(stateMachine)
      .useArchive(archive, 'PutObject')
      .publishTo(messaging)
      .alert(props.alerts, props.settings.operationsGuide)
      .useExecutions(executions, 'StopExecution', 'DescribeExecution')
      .every(Duration.minutes(1), messaging.ticks);
    pausing(this.reconcile);
    quota(this.reconcile);
  }
}
