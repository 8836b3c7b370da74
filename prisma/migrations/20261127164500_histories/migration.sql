-- AlterEnum
ALTER TYPE "OutboxKind" ADD VALUE 'STATUS_LOST';

-- AlterTable
ALTER TABLE "outbox" ADD COLUMN     "level" TEXT,
ADD COLUMN     "status" "MarginStatus";

-- CreateTable
CREATE TABLE "histories" (
    "number" INTEGER NOT NULL,
    "id" UUID NOT NULL,
    "begun_at" TIMESTAMPTZ(3) NOT NULL,
    "place" TEXT NOT NULL,
    "why" TEXT NOT NULL,
    "last_alert" BIGINT NOT NULL,

    CONSTRAINT "histories_pkey" PRIMARY KEY ("number")
);

-- CreateIndex
CREATE UNIQUE INDEX "histories_id_key" ON "histories"("id");
