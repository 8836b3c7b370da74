-- Rows that are there stay as they are: a column with this default would write each of them anew.
ALTER TABLE "account_versions" ADD COLUMN     "written_by" BIGINT;
ALTER TABLE "account_versions" ALTER COLUMN "written_by" SET DEFAULT ((pg_current_xact_id())::text)::bigint;

-- CreateTable
CREATE TABLE "servers" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "beat" BIGINT NOT NULL,
    "unheard" UUID[],
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "servers_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "account_versions_written_by_idx" ON "account_versions"("written_by");
