import {
  AttributeType, BillingMode, type ITable, ProjectionType, Table, TableEncryption,
} from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Settings } from './settings';
import type { Variant } from './variant';

const GOALS_BY_USER = 'by-user';

/** The three tables. Goals and Tasks belong to the goal app and can be its existing ones; a deleted stack leaves all three. */
export class Storage extends Construct {
  readonly goals: ITable;
  /** The index of Goals by user; missing: an existing table for which none is named. */
  readonly goalsByUser?: string;
  readonly tasks: ITable;
  readonly executions: ITable;

  constructor(scope: Construct, id: string, private readonly props: { settings: Settings; variant: Variant; key?: IKey }) {
    super(scope, id);
    const { goalsTable, goalsUserIndex, tasksTable, executionsTable } = props.settings;
    this.goals = goalsTable
      ? Table.fromTableName(this, 'Goals', goalsTable)
      : this.goalsTable();
    this.goalsByUser = goalsTable ? goalsUserIndex : GOALS_BY_USER;
    this.tasks = tasksTable
      ? Table.fromTableName(this, 'Tasks', tasksTable)
      : this.table('Tasks', 'goalId', 'position');
    this.executions = executionsTable
      ? Table.fromTableName(this, 'WorkflowExecutions', executionsTable)
      : this.executionsTable();
  }

  private goalsTable(): Table {
    const table = this.table('Goals', 'goalId', 'item');
    // Sparse: only the goal's own row has its user.
    table.addGlobalSecondaryIndex({
      indexName: GOALS_BY_USER,
      partitionKey: { name: 'userId', type: AttributeType.STRING },
      sortKey: { name: 'goalId', type: AttributeType.STRING },
      projectionType: ProjectionType.KEYS_ONLY,
    });
    return table;
  }

  private executionsTable(): Table {
    const table = this.table('WorkflowExecutions', 'executionArn', 'item', 'expiresAt');
    const progress = ['startedAt', 'end', 'totalActions'];
    const index = (indexName: string, partition: string, nonKeyAttributes: string[]) =>
      table.addGlobalSecondaryIndex({
        indexName,
        partitionKey: { name: partition, type: AttributeType.STRING },
        sortKey: { name: 'startDate', type: AttributeType.STRING },
        projectionType: ProjectionType.INCLUDE,
        nonKeyAttributes,
      });
    index('by-goal', 'goalId', [...progress, 'userId']);
    index('by-user', 'userId', [...progress, 'goalId']);
    // Sparse: only rows that are launched and not archived carry openShard. Sharded: a plain index by status is one hot partition.
    index('open', 'openShard', ['goalId']);
    // Sparse as well: only workflows that wait to be launched. One partition, for there is one waiting list.
    table.addGlobalSecondaryIndex({
      indexName: 'waiting',
      partitionKey: { name: 'waiting', type: AttributeType.STRING },
      sortKey: { name: 'turn', type: AttributeType.STRING },
      projectionType: ProjectionType.KEYS_ONLY,
    });
    return table;
  }

  private table(id: string, partition: string, sort: string, timeToLiveAttribute?: string): Table {
    const { variant: { removalPolicy, deletionProtection }, key } = this.props;
    return new Table(this, id, {
      partitionKey: { name: partition, type: AttributeType.STRING },
      sortKey: { name: sort, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      // AWS's key for DynamoDB in this account: no key to manage, and its use is visible in CloudTrail.
      encryption: key ? TableEncryption.CUSTOMER_MANAGED : TableEncryption.AWS_MANAGED,
      encryptionKey: key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute,
      removalPolicy,
      deletionProtection,
    });
  }
}
