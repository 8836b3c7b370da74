-- Versions of accounts leave where the transaction prunes what is past the history. All else is refused as before.
CREATE FUNCTION "keep_versions"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('plimsoll.thinning', true) = 'on' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION '% is append-only: % is refused.', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
DROP TRIGGER "append_only" ON "account_versions";
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "account_versions"
FOR EACH STATEMENT EXECUTE FUNCTION "keep_versions"();
DROP TRIGGER "append_only" ON "position_versions";
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "position_versions"
FOR EACH STATEMENT EXECUTE FUNCTION "keep_versions"();
DROP TRIGGER "append_only" ON "setting_versions";
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "setting_versions"
FOR EACH STATEMENT EXECUTE FUNCTION "keep_versions"();
