-- AlterTable
ALTER TABLE "fills" ADD COLUMN     "fee_asset" TEXT NOT NULL DEFAULT 'USDT';

-- AddForeignKey
ALTER TABLE "fills" ADD CONSTRAINT "fills_fee_asset_fkey" FOREIGN KEY ("fee_asset") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;
