// Writes the template with every setting of operations beside those that `npm run lint` synthesizes.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { infraDir } from '../lib/settings';
import { full } from './full';
import { synth } from './synth';

const folder = path.join(infraDir, 'build', 'lint', 'full');
fs.mkdirSync(folder, { recursive: true });
fs.writeFileSync(path.join(folder, 'goal-activity.template.json'), JSON.stringify(synth(full).template.toJSON(), null, 1));
