-- CreateTable
CREATE TABLE "installation" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "secret" BYTEA NOT NULL,

    CONSTRAINT "installation_pkey" PRIMARY KEY ("id")
);

ALTER TABLE "installation" ADD CONSTRAINT "installation_check" CHECK ("id" = 1 AND length("secret") >= 32);

-- Another secret would void every id and cursor that clients keep.
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "installation"
FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
