import * as fs from 'node:fs';
import * as path from 'node:path';
import { CfnRegistry, CfnSchema } from 'aws-cdk-lib/aws-eventschemas';
import { Construct } from 'constructs';
import { infraDir, type Settings } from './settings';

/** As generated from the types by `cargo xtask schemas`. */
export const registryDir = path.resolve(infraDir, '..', 'events', 'schemas', 'registry');

/** The events in EventBridge's schema registry: for reference, and for code bindings. */
export class EventSchemas extends Construct {
  constructor(scope: Construct, id: string, { settings }: { settings: Settings }) {
    super(scope, id);
    const registry = new CfnRegistry(this, 'Registry', {
      registryName: settings.stackName,
      description: `The events on the bus ${settings.stackName}`,
    });
    for (const file of fs.readdirSync(registryDir).filter((name) => name.endsWith('.v1.json')).sort()) {
      const event = path.basename(file, '.v1.json');
      const document = JSON.parse(fs.readFileSync(path.join(registryDir, file), 'utf8'));
      new CfnSchema(this, event, {
        registryName: registry.attrRegistryName,
        // In the format of EventBridge's names for discovered schemas.
        schemaName: `goal-activity@${event}`,
        type: 'OpenApi3',
        content: JSON.stringify(document),
      });
    }
  }
}
