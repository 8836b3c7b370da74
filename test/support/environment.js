/**
 * Jest gives every test file a world of its own, in which each module is evaluated anew: that is a second of every file
 * that starts a server, and its code is cold each time. This is a door out of that world, to what was built: a worker
 * evaluates it once. What comes through it is of another realm: an `instanceof` of the test's does not know its errors,
 * and modules that the test imports from src/ are not the server's.
 */
import { TestEnvironment } from 'jest-environment-node';

const BUILT = new URL('../../dist/', import.meta.url);

export default class extends TestEnvironment {
  async setup() {
    await super.setup();
    this.global.importBuilt = (path) => import(new URL(path, BUILT));
  }
}
