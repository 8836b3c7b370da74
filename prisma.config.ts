import { defineConfig } from 'prisma/config';

// The command line insists on a native schema engine, which it would download. `generate`, `validate` and `format` never
// run it, so any executable satisfies them; migrations are applied by the WebAssembly engine (src/platform/database/migrate.ts).
process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath;

export default defineConfig({ schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' } });
