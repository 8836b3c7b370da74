-- AlterEnum
ALTER TYPE "FillKind" ADD VALUE 'REVERSAL';

-- AlterTable
ALTER TABLE "fills" ADD COLUMN     "version" INTEGER;

-- CreateTable
CREATE TABLE "reversals" (
    "reversed_seq" BIGINT NOT NULL,
    "reversal_seq" BIGINT NOT NULL,

    CONSTRAINT "reversals_pkey" PRIMARY KEY ("reversed_seq")
);

-- CreateIndex
CREATE UNIQUE INDEX "reversals_reversal_seq_key" ON "reversals"("reversal_seq");

-- AddForeignKey
ALTER TABLE "reversals" ADD CONSTRAINT "reversals_reversed_seq_fkey" FOREIGN KEY ("reversed_seq") REFERENCES "fills"("seq") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reversals" ADD CONSTRAINT "reversals_reversal_seq_fkey" FOREIGN KEY ("reversal_seq") REFERENCES "fills"("seq") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "reversals" ADD CONSTRAINT "reversals_check" CHECK ("reversed_seq" < "reversal_seq");

-- What has happened is added to and never changed, whoever asks.
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "reversals"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
