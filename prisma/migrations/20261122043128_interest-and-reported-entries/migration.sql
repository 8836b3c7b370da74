-- AlterTable
ALTER TABLE "accounts" ADD COLUMN     "interest_through" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "reported_entries" (
    "venue_code" TEXT NOT NULL,
    "entry_id" TEXT NOT NULL,
    "account_id" UUID NOT NULL,
    "instrument" TEXT,
    "side" "PositionSide",
    "asset_symbol" TEXT NOT NULL,
    "quantity" DECIMAL(48,18) NOT NULL,
    "kind" "LedgerKind" NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reported_entries_pkey" PRIMARY KEY ("venue_code","entry_id")
);

-- CreateIndex
CREATE INDEX "reported_entries_account_id_idx" ON "reported_entries"("account_id");

-- CreateIndex
CREATE INDEX "ledger_entries_account_id_at_idx" ON "ledger_entries"("account_id", "at");

-- AddForeignKey
ALTER TABLE "reported_entries" ADD CONSTRAINT "reported_entries_venue_code_fkey" FOREIGN KEY ("venue_code") REFERENCES "venues"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reported_entries" ADD CONSTRAINT "reported_entries_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reported_entries" ADD CONSTRAINT "reported_entries_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;
