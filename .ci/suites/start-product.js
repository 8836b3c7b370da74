/** One server for all files; a file that needs another configuration starts its own. */
import { startProcess } from './product-process.js';

export default async function startProduct() {
  globalThis.product = await startProcess();
  process.env.PRODUCT_URL = globalThis.product.url;
}
