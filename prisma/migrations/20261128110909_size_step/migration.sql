-- AlterTable
ALTER TABLE "instruments" ADD COLUMN     "size_step" DECIMAL(48,18);

ALTER TABLE "instruments" ADD CONSTRAINT "instruments_size_step_check" CHECK ("size_step" > 0);
