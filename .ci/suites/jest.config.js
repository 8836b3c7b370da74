/** ESM as it stands: run through `node --experimental-vm-modules`, which `npm test` does. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/*.test.js'],
  transform: {},
  // One server for all files.
  globalSetup: './start-product.js',
  globalTeardown: './stop-product.js',
  testTimeout: 60_000,
};
