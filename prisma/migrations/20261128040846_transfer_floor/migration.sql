-- AlterTable
ALTER TABLE "margin_policies" ADD COLUMN "transfer_floor" JSONB NOT NULL DEFAULT '{"notionalRate":"0","maintenanceMultiple":"0"}';
ALTER TABLE "margin_policies" ADD CONSTRAINT "margin_policies_transfer_floor_check" CHECK (
  coalesce(("transfer_floor" ->> 'notionalRate')::numeric BETWEEN 0 AND 1, false)
  AND coalesce(("transfer_floor" ->> 'maintenanceMultiple')::numeric >= 0, false));
