-- AlterTable
ALTER TABLE "accounts" ADD COLUMN     "switched_off" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[];

-- CreateTable
CREATE TABLE "switched_off_versions" (
    "account_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "switched_off" TEXT[] NOT NULL,

    CONSTRAINT "switched_off_versions_pkey" PRIMARY KEY ("account_id","version")
);

-- AddForeignKey
ALTER TABLE "switched_off_versions" ADD CONSTRAINT "switched_off_versions_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What no code writes: a list with gaps. The account of version 1 has switched nothing off.
ALTER TABLE "accounts" ADD CONSTRAINT "accounts_switched_off_check" CHECK (array_position("switched_off", NULL) IS NULL);
ALTER TABLE "switched_off_versions" ADD CONSTRAINT "switched_off_versions_check"
  CHECK ("version" > 1 AND array_position("switched_off", NULL) IS NULL);

-- Versions of accounts are added to, and leave with the pruning of what is past the history.
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "switched_off_versions"
FOR EACH STATEMENT EXECUTE FUNCTION "keep_versions"();
