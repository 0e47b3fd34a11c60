#!/usr/bin/env node
import { App, CliCredentialsStackSynthesizer } from 'aws-cdk-lib';
import { SubscriberStack } from './subscriber-stack';

const app = new App();
// On the emulator, which was not prepared by `cdk bootstrap`.
const local = String(app.node.tryGetContext('local') ?? false) === 'true';
const synthesizer = local ? new CliCredentialsStackSynthesizer({ fileAssetsBucketName: 'goal-activity-assets' }) : undefined;
new SubscriberStack(app, 'GoalActivitySubscriber', { ...(synthesizer && { synthesizer }) });
app.synth();
