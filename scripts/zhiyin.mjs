#!/usr/bin/env node
// The command `zhiyin`: TypeScript as it stands in the repository, built JavaScript where the package is installed.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch } from './launch.mjs';

const source = fileURLToPath(new URL('../src/bin.ts', import.meta.url));
const built = fileURLToPath(new URL('../dist/src/bin.js', import.meta.url));
await launch(existsSync(source) ? source : built, process.argv.slice(2));
