-- AlterTable
ALTER TABLE "accounts" ADD COLUMN     "external_id" TEXT,
ADD COLUMN     "opened_collateral_mode" "CollateralMode",
ADD COLUMN     "opened_position_mode" "PositionMode";

-- CreateIndex
CREATE UNIQUE INDEX "accounts_venue_code_external_id_key" ON "accounts"("venue_code", "external_id");
