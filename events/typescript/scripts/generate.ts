import * as fs from 'node:fs';
import * as path from 'node:path';
import { generated, packageDir } from './generated.js';

generated().then((files) => {
  for (const [file, content] of Object.entries(files)) fs.writeFileSync(path.join(packageDir, file), content);
});
