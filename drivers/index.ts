/** The protocols this program speaks. A new one is a folder beside this file and a line here. */
import type { Driver } from '../src/reader/driver.ts';
import { ef01 } from './ef01/driver.ts';

export const drivers: readonly Driver[] = [ef01];
