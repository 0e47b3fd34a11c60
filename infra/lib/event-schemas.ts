import * as fs from 'node:fs';
import * as path from 'node:path';
import { CfnRegistry, CfnSchema } from 'aws-cdk-lib/aws-eventschemas';
import { Construct } from 'constructs';
import { infraDir } from './settings';

/** As `cargo xtask schemas` makes them from the types. */
export const registryDir = path.resolve(infraDir, '..', 'events', 'schemas', 'registry');

/** The events in EventBridge's schema registry: for people to look up, and for code bindings. */
export class EventSchemas extends Construct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const registry = new CfnRegistry(this, 'Registry', {
      registryName: 'goal-activity',
      description: 'The events on the bus goal-activity',
    });
    for (const file of fs.readdirSync(registryDir).filter((name) => name.endsWith('.v1.json')).sort()) {
      const event = path.basename(file, '.v1.json');
      const document = JSON.parse(fs.readFileSync(path.join(registryDir, file), 'utf8'));
      new CfnSchema(this, event, {
        registryName: registry.attrRegistryName,
        // As EventBridge names those that it discovers itself.
        schemaName: `goal-activity@${event}`,
        type: 'OpenApi3',
        content: JSON.stringify(document),
      });
    }
  }
}
