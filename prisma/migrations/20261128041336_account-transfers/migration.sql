-- AlterEnum
ALTER TYPE "LedgerKind" ADD VALUE 'TRANSFER';

-- CreateTable
CREATE TABLE "account_transfers" (
    "venue_code" TEXT NOT NULL,
    "transfer_id" TEXT NOT NULL,
    "from_account_id" UUID NOT NULL,
    "to_account_id" UUID NOT NULL,
    "asset_symbol" TEXT NOT NULL,
    "quantity" DECIMAL(48,18) NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "account_transfers_pkey" PRIMARY KEY ("venue_code","transfer_id")
);

-- AddForeignKey
ALTER TABLE "account_transfers" ADD CONSTRAINT "account_transfers_venue_code_fkey" FOREIGN KEY ("venue_code") REFERENCES "venues"("code") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "account_transfers" ADD CONSTRAINT "account_transfers_from_account_id_fkey" FOREIGN KEY ("from_account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "account_transfers" ADD CONSTRAINT "account_transfers_to_account_id_fkey" FOREIGN KEY ("to_account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "account_transfers" ADD CONSTRAINT "account_transfers_asset_symbol_fkey" FOREIGN KEY ("asset_symbol") REFERENCES "assets"("symbol") ON DELETE RESTRICT ON UPDATE CASCADE;

-- A number that no code writes.
ALTER TABLE "account_transfers" ADD CONSTRAINT "account_transfers_check"
  CHECK ("quantity" > 0 AND "from_account_id" <> "to_account_id");

-- What has happened is added to and never changed, whoever asks.
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "account_transfers"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
