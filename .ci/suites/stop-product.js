export default function stopProduct() {
  return globalThis.product.stop();
}
