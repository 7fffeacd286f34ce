#!/usr/bin/env node
import { noodroute } from './cli/program.js';

await noodroute().parseAsync();
