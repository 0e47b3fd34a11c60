import * as path from 'node:path';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { infraDir } from '../../lib/settings';

/** A goal app with its own task generation function, which the pipeline uses. */
export class ExistingFunctionStack extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, { description: 'A goal app with a task generation of its own', ...props });
    const generateTasks = new LambdaFunction(this, 'GenerateTasks', {
      runtime: Runtime.NODEJS_22_X,
      handler: 'index.handler',
      code: Code.fromAsset(path.join(infraDir, 'examples', 'existing-function', 'handler')),
    });
    new CfnOutput(this, 'GenerateTasksFunctionName', { value: generateTasks.functionName });
  }
}
