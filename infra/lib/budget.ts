import { Aws } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Construct } from 'constructs';
import type { Alerts } from './alerts';

interface BudgetProps {
  readonly stackName: string;
  /** US dollars a month. */
  readonly amount: number;
  readonly alerts: Alerts;
}

/**
 * A monthly budget of the whole account, with notices to the operators. Not of the stack's tags alone: until someone activates
 * a tag for cost allocation, a budget that filters by it sees no cost and stays silent.
 */
export class Budget extends Construct {
  constructor(scope: Construct, id: string, { stackName, amount, alerts }: BudgetProps) {
    super(scope, id);
    alerts.admitBudgets();
    const notice = (notificationType: 'ACTUAL' | 'FORECASTED', threshold: number) => ({
      notification: { notificationType, threshold, thresholdType: 'PERCENTAGE', comparisonOperator: 'GREATER_THAN' },
      subscribers: [{ subscriptionType: 'SNS', address: alerts.topic.topicArn }],
    });
    const budget = new CfnBudget(this, 'Month', {
      budget: {
        // An account's budgets have no region.
        budgetName: `${stackName}-${Aws.REGION}`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount, unit: 'USD' },
      },
      notificationsWithSubscribers: [notice('ACTUAL', 80), notice('ACTUAL', 100), notice('FORECASTED', 100)],
    });
    // Budgets publishes a test when the notices are created.
    budget.node.addDependency(alerts);
  }
}
