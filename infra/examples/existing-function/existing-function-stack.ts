import * as path from 'node:path';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { infraDir } from '../../lib/settings';

/**
 * A goal app with its own task generation functions, which the pipeline uses: in the two forms in which such functions
 * validate what they are invoked with.
 */
export class ExistingFunctionStack extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, { description: 'A goal app with a task generation of its own', ...props });
    const handlers = Code.fromAsset(path.join(infraDir, 'examples', 'existing-function', 'handler'));
    const forms = { GenerateTasks: 'flat.handler', GenerateTasksNested: 'nested.handler' };
    for (const [name, handler] of Object.entries(forms)) {
      const { functionName } = new LambdaFunction(this, name, { runtime: Runtime.NODEJS_22_X, handler, code: handlers });
      new CfnOutput(this, `${name}FunctionName`, { value: functionName });
    }
  }
}
