import { availableParallelism } from 'node:os';

/**
 * ESM all the way: run through `node --experimental-vm-modules`, which `npm test` does. A test file lives for seconds, so
 * V8 neither optimises PGlite's WebAssembly (--liftoff-only) nor collects garbage on the workers' cores
 * (--single-threaded-gc). Both save a sixth of the suite's work. Node 20, 22 and 24 all know them; V8 drops flags, so try
 * a new one on each.
 */
export default {
  testEnvironment: '<rootDir>/test/support/environment.js',
  roots: ['<rootDir>/test'],
  globalSetup: '<rootDir>/test/support/global-setup.js',
  setupFilesAfterEnv: ['<rootDir>/test/support/equal-decimals.js'],
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  testSequencer: '<rootDir>/test/support/sequencer.js',
  testMatch: ['**/*.test.ts'],
  // Clients that never read, and memory round after round of faults, take minutes: LONG=1.
  testPathIgnorePatterns: globalThis.process.env['LONG'] === undefined ? ['limits-unread', 'memory-after-faults'] : [],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  // Servers, browsers and databases wait for each other: half as many workers again as there are cores.
  maxWorkers: Math.ceil(availableParallelism() * 1.5),
  // A bound on what hangs, not on speed: a machine may have other work.
  testTimeout: 240_000,
};
